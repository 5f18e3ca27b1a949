"""Odd bodies in every place that reads one: JSON, urlencoded and multipart, malformed in all ways and well formed in
ways nobody expects. Tables of bodies, one case each."""

from urllib.parse import quote

from tests.oracle.harness import Case, case
from tests.oracle.seed import SUPER

ODD = "/api/collections/odd/records"
OLD = f"{ODD}/old000000000000"
LOGIN = "/api/collections/_superusers/auth-with-password"
COLLECTIONS = "/api/collections"

JSON = "application/json"
FORM = "application/x-www-form-urlencoded"
MULTIPART = "multipart/form-data; boundary=b"

FIELDS = [
    {"name": "t", "type": "text"},
    {"name": "n", "type": "number"},
    {"name": "b", "type": "bool"},
    {"name": "j", "type": "json"},
    {"name": "s", "type": "select", "maxSelect": 3, "values": ["1", "2", "true", "x", "1.5"]},
    {"name": "d", "type": "date"},
    {"name": "e", "type": "editor"},
    {"name": "g", "type": "geoPoint"},
    {"name": "f", "type": "file", "maxSelect": 2},
]


def sent(path: str, body: bytes, kind: str | None, method: str = "POST", as_: str | None = None) -> Case:
    headers = {} if kind is None else {"Content-Type": kind}
    shown = body if len(body) < 90 else body[:60] + b"..." + body[-10:]
    return case(method, path, as_=as_, raw=body, headers=headers, note=f"{kind} {shown!r}")


def both(bodies: tuple[bytes, ...], kind: str) -> list[Case]:
    """Each body creates a record and changes one."""
    return [sent(path, body, kind, method) for body in bodies for method, path in (("POST", ODD), ("PATCH", OLD))]


def part(header: bytes, content: bytes = b"x") -> bytes:
    return b"--b\r\n" + header + b"\r\n\r\n" + content + b"\r\n"


def named(name: bytes, more: bytes = b"") -> bytes:
    return b'Content-Disposition: form-data; name="' + name + b'"' + more


T = named(b"t")
END = b"--b--\r\n"

SHAPES = (
    *(b"", b" ", b"\n\t ", b"null", b" null ", b"true", b"5", b'"x"', b"[]", b"[{}]", b"{}", b"{", b'{"t"', b'{"t":'),
    *(b'{"t":"x"', b'{"t":"x",}', b"{,}", b'{"t":"x"}}', b'{"t":"x"}]', b'{"t":"x"} {"t":"y"}', b'{"t":"x"}null'),
    *(b'{"t":"x"}\x00', b'\x00{"t":"x"}', b'\xef\xbb\xbf{"t":"x"}', b"\xff\xfe{\x00}\x00", b'{"t":"x"} // c'),
    *(b'/*c*/{"t":"x"}', b"{'t':'x'}", b'{t:"x"}', b'{"j":' + b"[" * 150 + b"]" * 150 + b"}"),
    *(b'{"t":"a","t":"b"}', b'{"t":"a","T":"b"}', b'{"T":"b"}', b'{"t":"a","\\u0074":"b"}', b'{"j":{"a":1,"a":2}}'),
    *(b'{"j":{"a":1,"A":2}}', b'{"j":[{"a":1,"a":1}]}', b'{"":"x"}', b'{"":"x","":"y"}', b'{"t\\u0000":"x"}'),
)
TEXTS = (
    *(b'"\\u0000"', b'"a\\u0000b"', b'"a\x00b"', b'"a\nb"', b'"a\tb"', b'"\x7f"', b'"\\x41"', b'"\\u12"', b'"\\/"'),
    *(b'"\\ud83c\\udf89"', b'"\\ud83cx"', b'"\\udf89\\ud83c"', b'"\xff"', b'"\xc3"', b'"\xed\xa0\x80"'),
    *(b'"\xf4\x90\x80\x80"', b'"\xe2\x80\xa8\xe2\x80\xa9"', b'"<&>"', b'"\\""', b'"' + b"x" * 5001 + b'"'),
    *(b"1", b"1.0", b"1e21", b"true", b"null", b"[]", b'["a"]', b'["a","b"]', b"{}", b'{"a":1}', b"-0", b"1e-7"),
    *(b"123456789012345678901234567890", b"0.1", b"12345678.9"),
)
NUMBERS = (
    *(b"1", b"-0", b"0.0", b"-0.0", b"1e2", b"1E+2", b"1e-400", b"1e308", b"01", b"-01", b"+1", b".5", b"5.", b"1e"),
    *(b"0x10", b"NaN", b"Infinity", b"9007199254740993", b"123456789012345678901234567890", b"9223372036854775808"),
    *(b"0.1000000000000000055511151231257827", b"1_000", b'"1"', b'" 1 "', b'"1e3"', b'"0x1F"', b'"1_000"', b'"NaN"'),
    *(b'"Infinity"', b'"inf"', b'"x"', b'""', b"null", b"true", b"false", b"[]", b"[1]", b"{}", b'{"a":1}'),
)
VALUES = (
    *(b"-0", b"1.0", b"[1.0,1e2,0.10,-0,-0.0,1E5,1e-7,123456789012345678901234567890]", b'"1.0"', b'"[1,2]"'),
    *(
        b'"{bad"',
        b'"null"',
        b'"true"',
        b'""',
        b"null",
        b"{}",
        b"[]",
        b'{"b":1,"a":2}',
        b'"\\"x\\""',
        b'" {} "',
        b'"01"',
    ),
    *(
        b'"{\\"a\\":1,\\"a\\":2}"',
        b'"1e400"',
        b'"[1e400]"',
        b'" 1e400"',
        b'"\\u0000"',
        b'{"\\u0000":1}',
        b'"-"',
        b'"NaN"',
    ),
)
SWITCHES = (
    *(b"1", b"0", b'"true"', b'"false"', b'"TRUE"', b'"t"', b'"1"', b'"yes"', b'"on"', b'""', b"null", b"[]", b"{}"),
    *(b"2", b"1.5", b'"x"'),
)
CHOICES = (
    *(b'"1"', b"1", b"[1,2]", b"[true]", b"true", b"1.5", b'["1","1"]', b"[null]", b"null", b"{}", b"[[1]]", b'"nope"'),
    *(b'"[\\"1\\"]"', b'""', b'[""]', b'["1","2","x","true"]'),
)
DATES = (
    *(b'"2024-01-01"', b"1704164645", b"1704164645000", b"true", b"[]", b"{}", b'"x"', b"-1", b"1.5", b"1e20", b"null"),
    b'"1704164645"',
)
PLACES = (
    *(b'{"lon":1,"lat":2}', b'{"lon":"1","lat":"2"}', b'{"LON":1}', b'"{\\"lon\\":1,\\"lat\\":2}"', b"[1,2]", b"1"),
    *(b'"x"', b"null", b'{"lon":null,"lat":3}', b'""', b"true"),
)
MEMBERS = (
    *(
        b'{"id":5}',
        b'{"id":null}',
        b'{"id":""}',
        b'{"id":["x"]}',
        b'{"id":true}',
        b'{"@x":1}',
        b'{"t+":"x"}',
        b'{"n+":"x"}',
    ),
    *(b'{"n+":5}', b'{"n+":"5"}', b'{"n-":[1]}', b'{"n+":null}', b'{"s+":5}', b'{"+s":"1"}', b'{"s-":null}'),
    *(b'{"t:autogenerate":"x"}', b'{"@jsonPayload":"{\\"t\\":\\"x\\"}"}', b'{"e":5}', b'{"e":["x"]}', b'{"f":null}'),
    *(b'{"collectionId":"x","collectionName":"y","expand":{"a":1}}', b'{"created":"x"}', b'{"f":"x.txt"}', b'{"f":[]}'),
)
# What a form's text is taken for.
GUESSED = (
    *("", " ", "1", " 1", "1 ", "01", "00", "0", "-0", "+0", "1.0", "1.50", "1.5", "-1.5", "-0.0", ".5", "5.", "1e3"),
    *("1e21", "1e-7", "0x1", "1_000", "NaN", "Inf", "Infinity", "TRUE", "True", "true", "false", "t", "null", "[]"),
    *("[1]", '{"a":1}', '"x"', "123456789012345", "1234567890123456", "12345678901234567", "9007199254740993"),
    *("9223372036854775808", "100000000000000000000", "10000000000000000000000", "0.1", "0.10", "0.30000000000000004"),
    *("0.1000000000000000055511151231257827", "0.0000001", "1" + "0" * 308, "1" + "0" * 309, "--1", "-", "1,5", "１"),
    *("1\u00a0", "\t1", "1\n", "on", "1e400", "\x00", "😀", "<b>"),
)
PAIRS = (
    *(b"&", b"=", b"&&&", b"t", b"t=", b"=x", b"t=a=b", b"t=a&t=b", b"t=a;n=1", b"t=a%3Bb", b"t=a+b", b"t=%2B", b"t=%"),
    *(
        b"t=%zz",
        b"t=%2",
        b"t=%00",
        b"%74=x",
        b"t%00=x",
        b"t=\xff",
        b"t=%c3%28",
        b"t=%e2%82",
        b"t=a b",
        b" t=x",
        b"t =x",
    ),
    *(b"t=x\r\n", b"t[]=1&t[]=2", b"s[]=1&s[]=2", b"s=1&s=2", b"s=", b"s=&s=1", b"s=1,2", b"s=[1,2]", b"s+=1&s+=2"),
    *(b"s%2B=1", b"n+=5", b"n%2B=5", b"n%2B=5&n%2B=6", b"n=5&n=6", b"b=true&b=false", b'g={"lon":1,"lat":2}', b"g=1"),
    *(b"g[lon]=1", b"f=x.txt", b"f=", b"id=", b"T=x", b"t=x&T=y", b"unknown=1", b"t=http://x/?a=b", b"?t=x", b"t=x#y"),
    *(b"j=1&j=x&j=true&j=", b"t=" + b"x" * 5001),
)
PAYLOADS = (
    *("@jsonPayload=", "@jsonPayload={}", "@jsonPayload=null", "@jsonPayload=[]", "@jsonPayload=5", '@jsonPayload="x"'),
    *('@jsonPayload={"t":"x"}&t=y', 't=y&@jsonPayload={"t":"x"}', '@jsonPayload={"t":"x"}&@jsonPayload={"n":5}'),
    *('@jsonPayload={"t":"x"}&@jsonPayload={bad', '@jsonPayload={"t":"y","t":"y"}', '@jsonPayload={"t":"x"} x'),
    *('@jsonPayload={"n":"5","j":"1"}', '@jsonpayload={"t":"x"}', "%40jsonPayload=%7B%22t%22%3A%22x%22%7D"),
    *(
        '@jsonPayload={"s":["1"]}&s=2',
        's=2&s=x&@jsonPayload={"s":["1"]}',
        '@jsonPayload={"t":"%ff"}',
        "t=x&@jsonPayload=null",
    ),
    *(
        '@jsonPayload=null&@jsonPayload={"t":"x"}',
        '@jsonPayload={"t":"x"}&@jsonPayload=null',
        'j=&@jsonPayload={"j":5}',
    ),
    *('@jsonPayload={"j":[1]}&@jsonPayload={"j":["x"]}', 'j=1&@jsonPayload={"j":{}}', 'j=0&@jsonPayload={"j":false}'),
    '@jsonPayload={"j":{"a":{"x":1}}}&@jsonPayload={"j":{"a":{"y":2}}}',
    '@jsonPayload={"j":{"a":1}}&@jsonPayload={"j":{"a":"s"}}',
    '@jsonPayload={"j":{"a":null}}&@jsonPayload={"j":{"a":"s"}}',
    '@jsonPayload={"j":{"a":1}}&@jsonPayload={"j":{"a":null}}',
    *(
        'n=5&@jsonPayload={"n":"7"}',
        'n=5&@jsonPayload={"n":7}',
        's=2&@jsonPayload={"s":null}',
        "@jsonPayload=%20null%20",
    ),
    *('@jsonPayload={"n":-0}', '@jsonPayload={"j":[1.50,123456789012345678901234567890]}', '@jsonPayload={"t":5}&t=x'),
)
LOGINS_JSON = (
    *(
        b"",
        b"null",
        b"[]",
        b"5",
        b"{}",
        b"{",
        b'{"identity":5}',
        b'{"identity":null}',
        b'{"identity":["a"]}',
        b"\xef\xbb\xbf{}",
    ),
    *(
        b'{"identity":true}',
        b'{"identity":"a","identity":"b"}',
        b'{"identity":"a","Identity":"b"}',
        b'{"identity":"\xff"}',
    ),
    *(b'{"identity":"\\u0000","password":"x"}', b'{"identity":"x","password":"' + b"y" * 256 + b'"}', b"{} x"),
    *(
        b'{"IDENTITY":"x","PassWord":"y"}',
        b'{"iden_tity":"x","pass-word":"y"}',
        b'{"identity":"x","pa\xc5\xbf\xc5\xbfword":"y"}',
    ),
    *(b'{"identity":"x","password":"y","mfaId":5}', b'{"identity":"x","password":"y","identityField":"nope"}'),
)
LOGINS_FORM = (
    *("x=%zz", "identity=a&identity=b", "Identity=a&password=b", "identity=5&password=6", "identity=%ff&password=x"),
    f'@jsonPayload={{"identity":"{SUPER[0]}","password":"wrong"}}&identity=b',
    f'@jsonPayload={{"identity":"{SUPER[0]}"}}&password={SUPER[1]}',
    f'password={SUPER[1]}&@jsonPayload={{"IDENTITY":"{SUPER[0]}"}}',
    f"@jsonPayload=null&identity={SUPER[0]}&password={SUPER[1]}",
    f'@jsonPayload={{"identity":null}}&identity={SUPER[0]}&password={SUPER[1]}',
    f"@jsonPayload=[]&identity={SUPER[0]}&password={SUPER[1]}",
    *('@jsonPayload={"identity":5}', '@jsonPayload={"identity":"a","identity":"b"}', "@jsonPayload={bad"),
)
DEFINITIONS = (
    *(
        b"",
        b"null",
        b"[]",
        b"5",
        b"{",
        b'{"name":5}',
        b'{"name":null}',
        b'{"name":"k1","type":5}',
        b'{"name":"k1","type":"no"}',
    ),
    *(b'{"name":"k1","fields":5}', b'{"name":"k1","fields":{}}', b'{"name":"k1","fields":[5]}', b'{"name":"\xff"}'),
    *(b'{"name":"k1","fields":[{"type":"text"}]}', b'{"name":"k1","indexes":5}', b'{"name":"k1","listRule":5}'),
    *(b'{"name":"k1","system":"x"}', b'{"name":"a","name":"b"}', b'{"name":"a","Name":"b"}', b'{"name":"\\u0000"}'),
    *(
        b'{"name":"k1","id":5}',
        b'{"name":"k1","fields":[{"name":"a","type":"number","max":"x"}]}',
        b'{"name":"a b"} x]',
    ),
)
# Boundaries, line ends, headers and names of parts.
FORMS = (
    *(part(T) + END, part(T), part(T) + b"--b--", part(T) + b"--b", part(T) + b"--b-", part(T) + b"--b\r\n"),
    *(
        b"preamble\r\n" + part(T) + END,
        b"preamble" + part(T) + END,
        part(T) + END + b"epilogue",
        END,
        b"--b--",
        b"--b\r\n",
    ),
    *(b"--b\r\n--b--\r\n", b"--b\r\n\r\n--b--\r\n", b"--b\r\n\r\nx\r\n--b--\r\n", b"-", b"--", b"--b", b"x"),
    *((part(T) + END).replace(b"\r\n", b"\n"), (part(T) + END).replace(b"\r\n\r\n", b"\n\n")),
    *(b"--b  \r\n" + T + b"\r\n\r\nx\r\n--b--\r\n", b"--bx\r\n" + T + b"\r\n\r\nx\r\n--b--\r\n"),
    *(
        b"--b\r\n" + T + b"\r\nx\r\n--b--\r\n",
        b"--b\r\n" + T + b"\r\n\r\nx--b--\r\n",
        b"--b\r\n" + T + b"\r\n\r\n--b--\r\n",
    ),
    *(
        b"--b\r\n" + T + b"\r\n\r\nx\r\n--bx\r\n--b--\r\n",
        b"--b\r\n" + T + b"\r\n\r\nx\n--b--\r\n",
        b"--b\r\n" + T + b"\r\n",
    ),
    *(
        b"--b\r\n" + T + b"\r\n\r\nx\r\n--b--x",
        b"--b\r\n" + T + b"\r\n\r\nx\r\n--b\r\nX: y",
        b"--b\r\njunk\r\n",
        b"--b\r\n\r\n",
    ),
    *(
        part(header) + END
        for header in (
            *(
                b'content-disposition: form-data; name="t"',
                b"Content-Disposition: form-data; name=t",
                b"X: y",
                b"junk",
                b"",
            ),
            *(b"Content-Disposition: form-data; name='t'", b'Content-Disposition:form-data;name="t"', b": x\r\n" + T),
            *(
                b'Content-Disposition: Form-Data; NAME="t"',
                b'Content-Disposition: attachment; name="t"',
                T + b"\r\njunk",
            ),
            *(
                b"Content-Disposition: form-data",
                b"Content-Disposition: form-data; name=",
                b'Content-Disposition: name="t"',
            ),
            *(
                T + b'; name="n"',
                T + b"; x=y",
                T + b";",
                T + b";;",
                b'Content-Disposition: form-data; name="t',
                named(b""),
            ),
            *(
                named(b"a\\"),
                b"Content-Disposition: form-data; name*=utf-8''t",
                b'Content-Disposition : form-data; name="t"',
            ),
            *(T + b"\r\nX: y\r\n folded", b'Content-Disposition: form-data;\r\n name="t"', T + b"\r\n" + named(b"n")),
            *(T + b"\r\nContent-Type: text/plain; charset=latin1", T + b"\r\nContent-Type: nonsense;;;", named(b"%74")),
            *(
                T + b"\r\nContent-Transfer-Encoding: base64",
                T + b"\r\nContent-Length: 100",
                named(b"\xc3\xa9"),
                named(b"\xff"),
            ),
            *(T + b"\r\nX: " + b"y" * 9000, b"\r\n".join([T, *(b"X%d: y" % number for number in range(300))])),
        )
    ),
    *(
        part(T + b"\r\nContent-Transfer-Encoding: quoted-printable", content) + END
        for content in (b"x=41=\r\ny", b"=zz=4", b"a =  \r\nb \t\r\nc", b"=c3=A9\xff")
    ),
    *(
        part(named(name), content) + END
        for name, content in (
            *((b"t", b"\xff\xfe"), (b"t", b"\x00"), (b"t", b"a\r\nb"), (b"t", b""), (b"n", b" 5"), (b"n", b"1.50")),
            *((b"b", b"true"), (b"j", b'{"a":1}'), (b"s+", b"1"), (b"n+", b"2"), (b"@jsonPayload", b'{"t":"p","n":3}')),
            *((b"@jsonPayload", b"{bad"), (b"@jsonPayload", b"\xff"), (b"@jsonPayload", b"")),
        )
    ),
    part(T, b"a") + part(T, b"b") + END,
    part(named(b"f", b'; filename=""'), b"x") + END,
    part(named(b"", b'; filename="a"')) + END,
    b"".join(part(b"X: y") for _ in range(1001)) + END,
    b"".join(part(named(b"k%d" % number)) for number in range(1000)) + END,
)
# Content types, each with a body of every kind.
KINDS = """
    multipart/form-data; boundary=b|multipart/form-data;boundary="b"|multipart/form-data ; Boundary=b
    Multipart/Form-Data; boundary=b|multipart/form-data; boundary=b; charset=utf-8|multipart/form-data; boundary=b;
    multipart/form-data; boundary=|multipart/form-data; boundary=""|multipart/form-data|multipart/form-data; boundary
    multipart/form-data; boundary=c|multipart/form-data; boundary=b; boundary=b
    multipart/form-data; boundary=b; boundary=c
    multipart/form-data; boundary='b'|multipart/form-data; boundary=b b|multipart/form-data; boundary="b
    multipart/form-datax; boundary=b|multipart/mixed; boundary=b|multipart/form-data; boundary*=utf-8''b
    multipart/form-data; =b; boundary=b|multipart/form-data; boundary=b; x|multipart/form-data; boundary=b;;
    application/json; charset=latin1|application/json;|application/jsonx|Application/json|application/json, text/plain
    application/x-www-form-urlencoded; charset=latin1|application/x-www-form-urlencodedx
    Application/X-www-form-urlencoded|application/x-www-form-urlencoded;|application/x-www-form-urlencoded, x
    application/x-www-form-urlencoded ; x="|Text/xml|text/html|text/plain|*/*||application|/|;|image/png|json
"""
TYPES = [None, *(kind.strip() for kind in KINDS.strip().replace("\n", "|").split("|"))]

CASES = [
    case("POST", COLLECTIONS, as_="super", json={"name": "odd", "type": "base", "fields": FIELDS}, save="odd"),
    case("PATCH", f"{COLLECTIONS}/odd", as_="super", json={"createRule": "", "updateRule": "", "viewRule": ""}),
    case("POST", ODD, as_="super", json={"id": "old000000000000", "t": "old", "n": 5}, status=200),
    *both(SHAPES, JSON),
    *(
        sent(ODD, b'{"%b":%b}' % (name, value), JSON)
        for name, values in (
            *((b"t", TEXTS), (b"n", NUMBERS), (b"j", VALUES), (b"b", SWITCHES), (b"s", CHOICES), (b"d", DATES)),
            (b"g", PLACES),
        )
        for value in values
    ),
    *both(MEMBERS, JSON),
    *(sent(ODD, f"{name}={quote(text, safe='')}".encode(), FORM) for text in GUESSED for name in "jtn"),
    *both(PAIRS, FORM),
    *both(tuple(text.encode() for text in PAYLOADS), FORM),
    *(
        sent(ODD + query, body, kind)
        for query in ("?t=q", "?n=5&n=6", "?t=%zz", "?t=a;b", '?@jsonPayload={"t":"p"}', "?fields=t")
        for body, kind in (
            (b"b=true", FORM),
            (b'{"t":"x"}', JSON),
            (b"", FORM),
            (part(named(b"n"), b"3") + END, MULTIPART),
        )
    ),
    *both(FORMS, MULTIPART),
    *(sent(LOGIN, body.replace(b'"t"', b'"identity"'), MULTIPART) for body in FORMS[:24]),
    *(
        sent(path, body, kind)
        for kind in TYPES
        for path in (ODD, LOGIN)
        for body in (part(T) + END, b'{"t":"j"}', b"t=u", b"")
    ),
    *(sent(LOGIN, body, JSON) for body in LOGINS_JSON),
    *(sent(LOGIN, text.encode(), FORM) for text in LOGINS_FORM),
    *(sent(COLLECTIONS, body, JSON, as_="super") for body in DEFINITIONS),
    *(
        sent(path, body, kind, method)
        for method, path in (("GET", OLD), ("DELETE", f"{ODD}/none00000000000"), ("PUT", ODD))
        for body, kind in ((b"{bad", JSON), (b"x", "text/plain"), (b"x=%zz", FORM), (b"junk", MULTIPART))
    ),
]
