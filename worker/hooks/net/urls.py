"""URLs of requests, read as Go reads them, as far as scripts can tell."""

import re
from typing import NamedTuple
from urllib.parse import quote, unquote, urljoin, urlsplit

from worker.hooks.calls import GoError

URL_CHARS_MAX = 16_384
PORTS = {"http": 80, "https": 443}

_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*):(.*)", re.DOTALL)
_HOST = re.compile(r"[A-Za-z0-9._~!$&'()*+,;=:\[\]<>\"%-]*\Z")
_USER = re.compile(r"[A-Za-z0-9._:~!$&'()*+,;=%@-]*\Z")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2}).{0,2}")
_SAFE_PATH = "/%:@!$&'()*+,;=-._~"
_SAFE_QUERY = _SAFE_PATH + '?[]{}|\\^`"<>'


class Target(NamedTuple):
    """What a request goes to. `shown` is the URL without what stands behind `#`, `host` is in lower case."""

    shown: str
    scheme: str
    host: str
    port: int
    authority: str  # the Host header
    path: str
    query: str | None
    user: str | None

    @property
    def target(self) -> str:
        """Path and query, as they are sent."""
        return self.path if self.query is None else f"{self.path}?{self.query}"

    @property
    def secure(self) -> bool:
        """Whether it is TLS."""
        return self.scheme == "https"


def parsed(url: str, op: str) -> Target:
    """The target of a URL. GoError in the real one's words; `op` is its operation, such as `Get`."""
    if len(url) > URL_CHARS_MAX:
        raise GoError(f'{op} "{url[:100]}…": the URL is too long')
    if _CONTROL.search(url):
        raise _malformed(url, "net/url: invalid control character in URL")
    found = _SCHEME.match(url)
    if url.startswith(":"):
        raise _malformed(url, "missing protocol scheme")
    scheme = found[1].lower() if found else ""
    rest = url.split("#", 1)[0]
    _, _, behind = rest.partition(":") if found else ("", "", rest)
    authority = re.split(r"[/?]", behind[2:], maxsplit=1)[0] if behind.startswith("//") else ""
    user, _, place = authority.rpartition("@")
    if not _USER.match(user):
        raise _malformed(url, "net/url: invalid userinfo")
    _check_host(url, place)
    path = behind[2 + len(authority) :] if behind.startswith("//") else behind
    path, mark, query = path.partition("?")
    if bad := _ESCAPE.search(path):
        raise _malformed(url, f'invalid URL escape "{bad[0]}"')
    if scheme not in PORTS:
        raise GoError(f'{op} "{url}": unsupported protocol scheme "{scheme}"')
    if not place:
        raise GoError(f'{op} "{url}": http: no Host in request URL')
    host, port = _place(url, place, PORTS[scheme], op)
    return Target(
        rest if not user else rest.replace(f"{user}@", f"{_hidden(user)}@", 1),
        scheme,
        host,
        port,
        place,
        quote(path, safe=_SAFE_PATH) or "/",
        quote(query, safe=_SAFE_QUERY) if mark else None,
        unquote(user) if user else None,
    )


def joined(base: Target, location: str) -> str:
    """Where a `Location` leads."""
    return urljoin(f"{base.scheme}://{base.authority}{base.target}", location)


def last_part(target: Target) -> str:
    """The path with its escapes as they are."""
    return urlsplit(target.target).path


def _check_host(url: str, place: str) -> None:
    if place.startswith("["):
        if "]" not in place:
            raise _malformed(url, "missing ']' in host")
    elif not _HOST.match(place) and place.isascii():
        odd = next(char for char in place if not _HOST.match(char))
        raise _malformed(url, f'invalid character "{odd}" in host name')
    tail = place[place.rfind("]") + 1 :] if place.startswith("[") else place
    port = tail.partition(":")[2]
    if port and not port.isdecimal():
        raise _malformed(url, f'invalid port ":{port}" after host')


def _place(url: str, place: str, usual: int, op: str) -> tuple[str, int]:
    if place.startswith("["):
        host, _, tail = place[1:].partition("]")
        port = tail.removeprefix(":")
    else:
        host, _, port = place.partition(":")
    if port and int(port) > 65_535:
        raise GoError(f'{op} "{url}": dial tcp: address {port}: invalid port')
    host = unquote(host)
    if not host.isascii():
        try:
            host = host.encode("idna").decode()
        except UnicodeError:
            raise GoError(f'{op} "{url}": invalid host name') from None
    if len(host) > 253 or "/" in host:
        raise GoError(f'{op} "{url}": dial tcp: lookup {host[:253]}: no such host')
    return host.lower(), int(port) if port else usual


def _hidden(user: str) -> str:
    return f"{user.partition(':')[0]}:***" if ":" in user else user


def _malformed(url: str, reason: str) -> GoError:
    return GoError(f"parse {_quoted(url)}: {reason}")


def _quoted(text: str) -> str:
    plain = text.replace("\\", "\\\\").replace('"', '\\"')
    return '"' + _CONTROL.sub(lambda found: ESCAPES.get(found[0], f"\\x{ord(found[0]):02x}"), plain) + '"'


ESCAPES = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}
