"""What every request passes: `front` (the app, the order of a request), `faults` (errors as answers), `paths`.

`exchange` is the request and its response, `body`, `multipart`, `mediatype`, `inference` and `query` what came in,
`reply`, `picker` and `excerpt` what goes out, `identity`, `guards` and `realip` who asks, `ratelimit` how often.

`scripted` runs the tenant's scripts around or instead of a route, `asked` is what they see of the request, `serving`
sends files of the tenant's.
"""
