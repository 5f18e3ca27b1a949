"""Pages made of templates with a layout and parts, what is escaped where, cookies, redirects, static files."""

from tests.oracle.harness import case

CASES = [
    *(case("GET", f"/p/{path}") for path in ("home", "about", "secret", "nope%3Cb%3E")),
    case("GET", "/p/home", as_="user1"),
    *(case("GET", f"/mails/{kind}") for kind in ("welcome", "broken", "missing", "method", "chain", "bad", "none")),
    case("GET", "/assets/page.html"),
    case("GET", "/assets/parts/nav.html", headers={"If-Modified-Since": "Wed, 15 Nov 2023 00:00:00 GMT"}),
    case("GET", "/assets/parts"),
    case("GET", "/assets/nope.html"),
    case("GET", "/assets/..%2Fpages.pb.js"),
    case("GET", "/hello"),
    case("GET", "/hello?name=%3Cb%3E", headers={"Cookie": 'a=1; seen="x y"; b'}),
    *(case("GET", f"/go/{code}") for code in ("docs", "home", "301", "200", "x")),
]
