"""Security headers, CORS and how a token is given."""

from tests.oracle.harness import case

HEALTH = "/api/health"
ME = "/api/collections/users/records"
ORIGIN = {"Origin": "https://app.example.com"}


def preflight(method: str, path: str = HEALTH, **more: str) -> dict[str, str]:
    """Headers of a browser's preflight."""
    return {
        **ORIGIN,
        "Access-Control-Request-Method": method,
        **{name.replace("_", "-"): value for name, value in more.items()},
    }


CASES = [
    case("GET", HEALTH, headers=ORIGIN, note="origin"),
    case("GET", HEALTH, headers={"Origin": "null"}, note="origin null"),
    case("GET", "/api/nothing", headers=ORIGIN, note="origin"),
    case("POST", ME, headers=ORIGIN, json={}, note="origin"),
    case("OPTIONS", HEALTH),
    case("OPTIONS", HEALTH, headers=ORIGIN, note="origin"),
    case("OPTIONS", HEALTH, headers=preflight("GET"), note="preflight GET", status=204),
    case("OPTIONS", ME, headers=preflight("POST"), note="preflight POST"),
    case("OPTIONS", ME, headers=preflight("BREW"), note="preflight of an unknown method"),
    case("OPTIONS", "/api/nothing", headers=preflight("GET"), note="preflight of an unknown path"),
    case(
        "OPTIONS",
        ME,
        headers=preflight("PATCH", Access_Control_Request_Headers="authorization,x-thing"),
        note="preflight with headers",
    ),
    case(
        "OPTIONS", ME, headers=preflight("GET", Access_Control_Request_Private_Network="true"), note="private network"
    ),
    case("OPTIONS", "/", headers=preflight("GET"), note="preflight of /"),
    case("GET", HEALTH, headers={"Accept-Encoding": "gzip"}, note="accepts gzip"),
    case("GET", ME, headers={"Accept": "text/html"}, note="accepts html only"),
    case(
        "GET",
        HEALTH,
        headers={"If-None-Match": "*", "If-Modified-Since": "Sat, 01 Jan 2050 00:00:00 GMT"},
        note="conditional",
    ),
    case("GET", HEALTH, headers={"Range": "bytes=0-3"}, note="range"),
    case(
        "POST",
        "/api/collections/users/auth-with-password",
        json={"identity": "ann@example.com", "password": "password-123"},
        save={"tok": "token"},
        status=200,
    ),
    case("GET", ME, token="{tok}", status=200),
    case("GET", ME, token="Bearer {tok}"),
    case("GET", ME, token="bearer {tok}"),
    case("GET", ME, token="BEARER {tok}"),
    case("GET", ME, token="Bearer  {tok}", note="two blanks"),
    case("GET", ME, token="Token {tok}"),
    case("GET", ME, token="Basic dXNlcjpwYXNz"),
    case("GET", ME, token="{tok}x", note="signature too long"),
    case("GET", ME, token="x{tok}", note="header broken"),
    case(
        "GET",
        ME,
        token="eyJhbGciOiJub25lIiwidHlwIjoiSldUIn0.eyJpZCI6InVzZXIxMDAwMDAwMDAwMCIsInR5cGUiOiJhdXRoIn0.",
        note="alg none",
    ),
    case("GET", ME, headers={"authorization": "nope"}),
    case("HEAD", ME, as_="user1"),
    case("HEAD", ME + "/user10000000000", as_="user1"),
    case("GET", "/", note="root"),
]
