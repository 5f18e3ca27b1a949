"""The settings: what is shown, merged, refused, and stored."""

from typing import Any

from tests.oracle.harness import Case, case
from tests.oracle.seed import SUPER

PATH = "/api/settings"
LOOPBACK = "127.0.0.1"
FORM = "application/x-www-form-urlencoded"
SUPER_LOGIN = "/api/collections/_superusers/auth-with-password"


def change(body: Any) -> Case:
    return case("PATCH", PATH, as_="super", json=body)


def text(body: str, kind: str = "application/json") -> Case:
    return case("PATCH", PATH, as_="super", raw=body.encode(), headers={"Content-Type": kind}, note=f"{kind} {body}")


def rule(**options: Any) -> Case:
    return rules({"label": "/a", "duration": 1, "maxRequests": 1, **options})


def rules(*items: Any) -> Case:
    return change({"rateLimits": {"rules": list(items)}})


def limit(label: str, audience: str = "", duration: int = 1) -> dict[str, Any]:
    return {"label": label, "audience": audience, "duration": duration, "maxRequests": 1}


BUCKET = {
    "enabled": True,
    "bucket": "b",
    "region": "r",
    "endpoint": "https://e.example",
    "accessKey": "a",
    "secret": "s",
}
CRONS = (
    *("* * * * *", "@daily", "@yearly", "@annually", "@monthly", "@weekly", "@midnight", "@hourly", "@every 1h"),
    *("@DAILY", "x", "* * * *", "* * * * * *", "60 * * * *", "* 24 * * *", "* * 0 * *", "* * 32 * *", "* * * 0 *"),
    *("* * * 13 *", "* * * * 7", "* * * * 6", "*/0 * * * *", "*/60 * * * *", "*/59 * * * *", "* */23 * * *"),
    *("* */24 * * *", "* * */31 * *", "* * */32 * *", "* * * */12 *", "* * * */13 *", "* * * * */6", "* * * * */7"),
    *("1-5 * * * *", "5-1 * * * *", "5-5 * * * *", "1-5/2 * * * *", "1-5/70 * * * *", "70-80 * * * *", "1-70 * * * *"),
    *("1,2-4,*/3 * * * *", "1, * * * *", ",1 * * * *", "a * * * *", "* * * JAN *", "  ", "0  0 * * *", " 0 0 * * *"),
    *("-1 * * * *", "1/2 * * * *", "1/1 * * * *", "1/a * * * *", "a/2 * * * *", "01 * * * *", "+1 * * * *"),
    *("1-* * * * *", "*-5 * * * *", "*/ * * * *", "*/2/3 * * * *", "1-2-3 * * * *", "0\t0 * * *", "** * * * *"),
    *("*/-1 * * * *", "99999999999999999999 * * * *", "1_0 * * * *", "é * * * *", '"* * * * *', "\x01\t\\ * * * *"),
    *("1,60,a * * * *", "2-a/99 * * * *", "*-*/2 * * * *", "\u00ad\ue000\x7f * * * *", ""),
)
LABELS = (
    *("", "a", "users:auth", "*:auth", "/a/", "GET /a", "get /a", "FOO /a", "GET a", "/", "a b", "  a", "a:b:c", "*"),
    *("*:*", "a:*", "/a b", "GET  /a", ":a", "a:", "_x", "1a", "a-b", "a.b", "é", "/é", "/a?b", "//", "GET /", "GET"),
    *("GET:/a", "/a*", "@guest", "/a-b", "/a_b", "/a.b", "/a{b", "/a:b", "/a%b", "a\n", "G1 /a", "GÉT /a", "a1:b_c"),
)
HOSTS = (
    *("not a host", "127.0.0.1", "::1", "a_b.c", "http://x", "localhost", "x y", "[1.2.3.4]", "a.b.c", "-a", "a..b"),
    *("é.com", "a.b.", "a-.b", "[::1]", "_a", "1.2.3.256", "fe80::1%eth0", "a" * 63 + ".b", "a" * 64 + ".b", "a:25"),
    *(" ", "_", "a_", ".", "a.-b", "a.b-", "ab\n", "a" * 300, "::ffff:1.2.3.4", "::1/64", "1.2.3.4/24", "a.b_.", ""),
)
NETWORKS = (
    *("1.2.3.4", "1.2.3.0/24", "1.2.3.4/24", "x", "", "::1", "::/0", "1.2.3.4/33", " 127.0.0.1", "fe80::1%eth0"),
    *("01.2.3.4", "::ffff:1.2.3.4", "1.2.3.4/024", "1.2.3/24", "::1/129", "::1/0", "1.2.3.4/", "1.2.3.4%eth0"),
    *("1.2.3.4/255.255.255.0", "::1%eth0/64", "fe80::1%", "y/8", "/8", "1.2.3.4/-1", "1.2.3.4/8/8", None),
)
FORMS = (
    *("meta.appName=x", "meta[appName]=x", "appName=x", "Meta.AppName=x", "meta=x", "meta.appName=", "unknown=1"),
    *("meta.appName=a&meta.appName=b", "superuserIPs=127.0.0.1&superuserIPs=10.0.0.0/8", "superuserIPs="),
    *(f"batch.enabled={flag}" for flag in ("true", "1", "T", "tRue", "on", "yes", "", "0", "FALSE")),
    *(f"logs.maxDays={number}" for number in ("7", "x", "", "+1", "%2B5", "01", "010", "0x1f", "0b11", "0o17", "1_0")),
    *(f"logs.maxDays={number}" for number in ("1__0", "_1", "09", "1.0", "1e3", "-5", "0_1", "9223372036854775808")),
    *("logs.minLevel=-0x5", "trustedProxy.headers=a,b", "trustedProxy.headers=X&trustedProxy.useLeftmostIP=t"),
    *(
        "backups.s3.bucket=x",
        "backups.s3.enabled=x",
        "s3.bucket=x",
        "s3.enabled=x",
        "s3.bucket=",
        "backups.cron=@daily",
    ),
    *("rateLimits.rules=x", "rateLimits.rules.0.label=x", "rateLimits.excludedIPs=x", "rateLimits.excludedIPs=1.1.1.1"),
    *("%zz=1", '@jsonPayload={"meta":{"appName":"q"}}&meta.appName=w', '@jsonPayload={"META":{"appName":"r"}}'),
    *("@jsonPayload=5", "@jsonPayload=", "@jsonPayload={}x", '@jsonPayload={"meta":{"appName":5}}'),
    '@jsonPayload={"meta":{"appName":"1"}}&@jsonPayload={"meta":{"senderName":"2"}}',
)
RAW = (
    *("", "[]", '"x"', "5", "{", "true", "{} trailing", '{"meta":{"appName":"z"}} {"meta":{"appName":"y"}}'),
    *('{"meta":{"appName":"a"},"meta":{"appName":"b"}}', '{"meta":{"appName":"a"},"META":{"appName":"b"}}'),
    *('{"meta":{"appName":"a","app_name":"b"}}', '{"unknown":1,"Unknown":2}', '{"unknown":1,"unknown":2}'),
    *('{"unknown":1,"meta":{"what":{"x":[1]}}}', '{"meta":{"x":1,"x":2}}', '{"meta":{"appName":"\\u0000x"}}'),
    *('{"meta":{"appName":"\\ud800"}}', '{"meta":{"appName":"<b>&\\u2028"}}', '{"META":{"APP_name":"p"}}'),
    *('{"meta":{"app-name":"o"}}', '{"ſmtp":{"port":3}}', '{"logs":{"maxDays":-0}}', '{"logs":{"maxDays":1E0}}'),
    *('{"logs":{"maxDays":0.0}}', '{"batch":{"maxRequests":9223372036854775808}}', '{"batch":{"maxRequests":1.5}}'),
    *('{"logs":{"minLevel":-9223372036854775808}}', '{"logs":{"minLevel":-9223372036854775809}}'),
)

WHO = [
    case("GET", PATH, status=401),
    case("GET", PATH, as_="user1", status=403),
    case("PATCH", PATH, json={"meta": {"appName": ""}}, status=401),
    case("PATCH", PATH, as_="user1", json={}, status=403),
    *(case(method, PATH, as_="super", json={}) for method in ("POST", "PUT", "DELETE")),
    case("HEAD", PATH, as_="super"),
    case("GET", PATH + "/", as_="super"),
    case("GET", PATH + "/x", as_="super"),
    case("GET", PATH, as_="super", status=200),
    case("GET", PATH, as_="super", query={"fields": "meta.appName,smtp.port,rateLimits.rules.label"}),
    case("PATCH", PATH, as_="super", query={"fields": "batch"}, json={"batch": {"enabled": True}}, status=200),
]

MERGING = [
    change({}),
    *(
        change({group: None})
        for group in ("superuserIPs", "smtp", "s3", "backups", "meta", "rateLimits", "trustedProxy", "batch", "logs")
    ),
    change({"batch": {"enabled": True, "maxRequests": 9, "timeout": 2}, "logs": {"maxDays": 7, "logIP": True}}),
    change({"META": {"appname": "folded"}, "Batch": {"MaxRequests": 8}}),
    *(change({group: value}) for group, value in (("meta", []), ("meta", "x"), ("s3", 5), ("superuserIPs", LOOPBACK))),
    *(change({"meta": {"hideControls": value}}) for value in (1, "true", True, None)),
    *(change({"smtp": {"port": value}}) for value in ("25", 1.5, 25.0, 1e30, None, 25)),
    *(
        change({"trustedProxy": {"headers": value}})
        for value in (["X-A"], ["x y", ""], "x", [1], [None], [["a"]], None)
    ),
    change({"smtp": {"username": "u", "password": "p", "tls": True}}),
    change({"smtp": {"password": 5}}),
    *map(text, RAW),
    text("{}", "text/plain"),
    text("", "text/plain"),
    text("<a/>", "application/xml"),
    text('{"meta":{"appName":"charset"}}', "application/json; charset=utf-8"),
    *(text(body, FORM) for body in FORMS),
    case("PATCH", f"{PATH}?meta.appName=query", as_="super", form={"x": "1"}),
    case("PATCH", PATH, as_="super", parts=[("meta.appName", "parts"), ("logs.maxDays", "7")]),
    case("PATCH", PATH, as_="super", parts=[("@jsonPayload", '{"meta":{"appName":"payload"}}')]),
]

GROUPS = [
    *(change({"meta": {"appName": name}}) for name in ("", None, 5, "x" * 255, "x" * 256, "é" * 127, "é" * 128, "  ")),
    *(change({"meta": {"senderName": name}}) for name in ("", "x" * 256, "ok")),
    *(
        change({"meta": {"appURL": url}})
        for url in ("", "abc", "http://x", "localhost", "example.com/", "ftp://e.com", "http://x y", "https://e.com/a/")
    ),
    *(change({"meta": {"senderAddress": address}}) for address in ("", "abc", "a@b.co", "a@b", "A <a@b.co>")),
    *(
        change({"meta": {"accentColor": color}})
        for color in ("", "red", "#fff", "#FFFFFF", "#GGGGGG", "1234567", "#ééé", "#12345é", "000000")
    ),
    change({"smtp": {"enabled": True, "host": ""}}),
    change({"smtp": {"enabled": True, "port": 0}}),
    *(change({"smtp": {"enabled": False, "port": port}}) for port in (0, -1, 70000)),
    *(change({"smtp": {"authMethod": method}}) for method in ("x", "PLAIN", "plain", "LOGIN", "CRAM-MD5", "")),
    *(change({"smtp": {"host": host}}) for host in HOSTS),
    *(change({"smtp": {"localName": host}}) for host in HOSTS[:12]),
    change({"s3": {"enabled": True}}),
    change({"s3": {**BUCKET, "secret": ""}}),
    *(change({"s3": {**BUCKET, "endpoint": url}}) for url in ("e", "not a url", "http://e", "1.2.3.4:9000")),
    change({"s3": {"bucket": "c"}}),
    change({"s3": {"enabled": False, "endpoint": "x"}}),
    change({"backups": {"s3": {"enabled": True}}}),
    change({"backups": {"s3": BUCKET}}),
    *(change({"backups": {"cron": cron}}) for cron in CRONS),
    *(change({"backups": {"cronMaxKeep": count}}) for count in (0, -1, 5)),
    *(change({"backups": {"cron": "* * * * *", "cronMaxKeep": count}}) for count in (0, -1, 1)),
    change({"backups": {"cron": "x", "cronMaxKeep": 0}}),
    *(change({"batch": {"enabled": True, name: 0}}) for name in ("maxRequests", "timeout", "maxBodySize")),
    *(change({"batch": {name: -1}}) for name in ("maxRequests", "timeout", "maxBodySize")),
    change({"batch": {"maxRequests": 2**53 + 1, "timeout": 999999999, "maxBodySize": 2**53}}),
    *(change({"logs": {name: -1}}) for name in ("maxDays", "minLevel", "maxDataSize")),
    *(change({"logs": {name: 2**53}}) for name in ("maxDays", "minLevel", "maxDataSize")),
    *(change({"logs": {name: 2**53 - 1}}) for name in ("maxDays", "minLevel", "maxDataSize")),
    change({"logs": {"maxDays": 5, "minLevel": 0, "maxDataSize": 0, "logAuthID": True}}),
    *(change({"superuserIPs": [LOOPBACK, network]}) for network in NETWORKS),
    change({"superuserIPs": [LOOPBACK, "x", "1.2.3.4", ""]}),
    change({"superuserIPs": []}),
    change({"meta": {"appName": ""}, "logs": {"maxDays": -1}, "batch": {"timeout": -1}}),
]

LIMITS = [
    *(rule(label=label) for label in LABELS),
    *(rule(audience=audience) for audience in ("", "@guest", "@auth", "x", "@all", "@superuser", None)),
    *(rule(duration=value) for value in (0, -1, 86400, 2**53, None, "1", 1.5)),
    *(rule(maxRequests=value) for value in (0, -1, 2**53, None)),
    *(rules(item) for item in ({}, None, 5, [], {"LABEL": "a", "Duration": 1, "maxrequests": 2})),
    change({"rateLimits": {"rules": {"a": 1}}}),
    change({"rateLimits": {"enabled": True, "rules": []}}),
    change({"rateLimits": {"enabled": True, "rules": None}}),
    change({"rateLimits": {"enabled": True, "rules": [{}]}}),
    rules(limit("/a"), limit("/a", duration=2)),
    rules(limit("/a", "@guest"), limit("/a")),
    rules(limit("/a"), limit("/a", "@guest")),
    rules(limit("/a", "@auth"), limit("/a", "@guest")),
    rules(limit("/a", "@auth"), limit("/a", "@guest"), limit("/a")),
    rules(limit("/a", "@auth"), limit("/a", "@auth")),
    rules(limit("/a"), limit("GET /a")),
    rules(limit("users:auth"), limit("USERS:auth")),
    rules(limit("a"), limit("x!", duration=0), limit("a")),
    rules(limit("a"), limit("a"), limit("a")),
    *(change({"rateLimits": {"excludedIPs": value}}) for value in (["x"], ["1.2.3.4", "1.0.0.0/8"], ["", "y"], None)),
    change({"rateLimits": {"rules": [], "enabled": False}}),
    case("GET", PATH, as_="super"),
]

# what is in force: addresses, the log, and what the tenant believes of a proxy
FORCE = [
    change({"trustedProxy": {"headers": ["X-Real-IP"], "useLeftmostIP": False}}),
    case("GET", "/api/health", as_="super", headers={"X-Real-IP": "1.1.1.1, 9.8.7.6"}, unordered=True),
    change({"trustedProxy": {"useLeftmostIP": True}}),
    case("GET", "/api/health", as_="super", headers={"X-Real-IP": "1.1.1.1, 9.8.7.6"}, unordered=True),
    change({"superuserIPs": [LOOPBACK, "9.0.0.0/8"]}),
    case("GET", PATH, as_="super", headers={"X-Real-IP": "8.8.8.8"}, status=403),
    case("PATCH", PATH, as_="super", json={}, headers={"X-Real-IP": "8.8.8.8"}, status=403),
    case("GET", PATH, as_="super", headers={"X-Real-IP": "9.8.7.6"}, status=200),
    change({"superuserIPs": [], "logs": {"minLevel": 8, "logIP": True}}),
    case("GET", "/api/nothing", note="logged"),
    case("GET", "/api/health", note="not logged"),
    case("GET", "/api/logs", as_="super", query={"filter": "level < 8", "fields": "message,level"}),
    change({"logs": {"maxDays": 0, "minLevel": 0}}),
    case("GET", "/api/logs", as_="super", query={"fields": "message,level"}),
    change({"superuserIPs": ["10.1.1.1"]}),
    case("GET", PATH, as_="super", status=403),
    case("GET", "/api/health", as_="super", status=403),
    case("GET", PATH, as_="user1", status=403),
    case("GET", "/api/health", status=200),
    case("POST", SUPER_LOGIN, json={"identity": SUPER[0], "password": "wrong"}, note="wrong", status=400),
    case("POST", SUPER_LOGIN, json={"identity": SUPER[0], "password": SUPER[1]}, note="elsewhere", status=403),
    case(
        "POST",
        SUPER_LOGIN,
        json={"identity": SUPER[0], "password": SUPER[1]},
        headers={"X-Real-IP": "10.1.1.1"},
        note="at home",
        status=200,
    ),
]

CASES = [*WHO, *MERGING, *GROUPS, *LIMITS, *FORCE]
