"""The way out for scripts: HTTP requests to public addresses, and to those that the operator allows.

`addresses` says which addresses are public; `names` finds a host's addresses, in threads; `wire` carries out one
exchange over a connection to one address that was looked at; `client` follows redirects as Go's client does; `outside`
is what a worker has of all this, shared by its tenants.
"""

from worker.hooks.net.outside import Outside

__all__ = ["Outside"]
