"""Known differences: `"scenario: name"` → why. Such a case must fail; once it passes, it leaves this list."""

KNOWN: dict[str, str] = {
    "ratelimits: GET /api/files/posts/x/y guest": "the routes of files are not there yet",
}
