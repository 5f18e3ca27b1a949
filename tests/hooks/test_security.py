"""`$security` in both servers."""

import pytest

from tests.hooks.harness import Pair, Snippet, evaluated, snippet

KEY = "const k = '12345678901234567890123456789012'; "
# a token that any key makes: {"alg":"none"}, {"alg":"HS512"}, {"alg":"foo"}, {}
NONE, HS512, FOO, EMPTY = "eyJhbGciOiJub25lIn0", "eyJhbGciOiJIUzUxMiJ9", "eyJhbGciOiJmb28ifQ", "e30"
CLAIMS = "eyJhIjoxfQ"

TABLE = evaluated(
    # hashes
    "return [$security.md5('123'), $security.sha256('123'), $security.sha512('123')]",
    "return [$security.hs256('hello', 'test'), $security.hs512('hello', 'test'), $security.hs256('a')]",
    "return [123, null, [1, 2], {}, 'hé😀', '\\ud800', true, 1.5].map((x) => $security.md5(x)).concat($security.md5())",
    "return [$security.equal('a', 'a'), $security.equal('a', 'b'), $security.equal(1, '1')]",
    "return $security.sha256('x'.repeat(300000))",
    # random texts
    "return [10, 0, 1.9, 'abc'].map((x) => $security.randomString(x).length)",
    "return /^[A-Za-z0-9]{500}$/.test($security.randomString(500))",
    "return $security.randomString(-1)",
    "return [$security.randomStringWithAlphabet(10, 'a'), $security.randomStringWithAlphabet(0, 'a')]",
    "return [$security.pseudorandomString(10).length, $security.pseudorandomStringWithAlphabet(10, 'b')]",
    "return ['abc', '\\\\x41\\\\Qa.b\\\\E', 'a{3}(?P<n>b)', '(?:ab){2}'].map((x) => $security.randomStringByRegex(x))",
    "return [/^\\d{3}-\\w+$/.test($security.randomStringByRegex('\\\\d{3}-\\\\w+')), "
    "/^(foo|bar)$/.test($security.randomStringByRegex('(foo|bar)')), "
    "$security.randomStringByRegex('[a-z]{1000}').length]",
    *(
        f"return $security.randomStringByRegex({pattern})"
        for pattern in (
            *("''", "'['", "'^a'", "'a$'", "'(?m)a$'", "'\\\\bfoo'", "'a**'", "'(a'", "'a)'", "'*a'", "'[z-a]'"),
            *("'\\\\8'", "'a\\\\'", "'\\\\pX'", "'(?=a)'", "'a{2000}'", "'((a{100}){100}){100}'"),
        )
    ),
    # tokens
    "return $security.createJWT({b: 1, a: 'x', exp: 5}, 'key', 0)",
    "return $security.createJWT({exp: 5, s: '<&>é', n: null, f: 1.5, l: [1, {z: 1, y: 2}], t: true, "
    "big: 1e21}, 'key', 0)",
    "return $security.createJWT({exp: 5, d: new Date(0), t: new DateTime('2020-01-01 00:00:00.000Z'), "
    "u: undefined}, 'k', 1)",
    "return $security.createJWT([1, 2], 'k', 1).split('.')[0]",
    "return $security.createJWT(null, 'k', 100).split('.').length",
    "return $security.createJWT('x', 'k', 1)",
    snippet(
        "const t = $security.createJWT({b: 1, n: null, o: {z: 1}}, 'key', 100); "
        "const c = $security.parseJWT(t, 'key'); "
        "const u = $security.parseUnverifiedJWT(t); delete c.exp; delete u.exp; return [c, u]",
        unordered=True,
    ),
    "const t = $security.createJWT({b: 1}, 'key', 100); "
    "return Math.abs($security.parseJWT(t, 'key').exp - Date.now() / 1000 - 100) < 3",
    "return $security.parseJWT($security.createJWT({b: 1}, 'key', 100), 'other')",
    "return $security.parseJWT($security.createJWT({b: 1}, 'key', -100), 'key')",
    "return $security.parseUnverifiedJWT($security.createJWT({b: 1}, 'key', -100))",
    *(
        snippet(f"return $security.{method}($security.createJWT({claims}, 'k', 100), 'k')", unordered=True)
        for method in ("parseJWT", "parseUnverifiedJWT")
        for claims in (
            *("{nbf: 9999999999}", "{nbf: 9999999999, exp: 1}", "{nbf: 'x', exp: 1}", "{exp: 'x'}"),
            *("{exp: null}", "{iat: 'x'}", "{iat: 9999999999, exp: 9999999999}"),
        )
    ),
    *(
        f"return $security.{method}('{token}', 'k')"
        for method in ("parseJWT", "parseUnverifiedJWT")
        for token in (
            *("", "abc", "a.b", "a.b.c", "a.b.c.d", "YWJj.YWJj.x", f"{NONE}.{CLAIMS}.", f"{HS512}.{CLAIMS}.x"),
            *(f"{FOO}.{CLAIMS}.x", f"{EMPTY}.{CLAIMS}.x", f"{NONE}.!!.x", f"{NONE}.YWJj.x", f"{NONE}.W10.x"),
            *(f"{NONE}.bnVsbA.", f"{HS512}.{CLAIMS}.!!", f"{HS512}.{CLAIMS}.YWJj", f"{NONE}.YWJ j.x"),
        )
    ),
    # AES
    KEY + "const x = $security.encrypt('hellö', k); return [x.length, $security.decrypt(x, k)]",
    KEY + "return $security.decrypt($security.encrypt([104, 105, 255], k), k)",
    KEY + "return $security.decrypt($security.encrypt(Buffer.from('hi'), k), k)",
    KEY + "return $security.decrypt($security.encrypt('', k), k)",
    KEY + "return $security.encrypt({}, k)",
    "return $security.encrypt('hello', 'short')",
    "return $security.decrypt('YWJj', 'x')",
    *(
        KEY + f"return $security.decrypt({cipher}, k)"
        for cipher in (
            *("'abc'", "'!!!'", "'YWJj!'", "'YQ='", "'YQ==x'", "'Y=Q='", "'YWJjZGVmZ2hpamtsbW5vcHFyc3R1dnd4eXo='"),
        )
    ),
    KEY + "return $security.decrypt($security.encrypt('a', k), 'x'.repeat(32))",
)

OURS = evaluated(
    # the real one breaks off with a 500 that no script can catch
    *(
        f"try {{ {code} }} catch (error) {{ return error.message }}"
        for code in ("$security.randomStringWithAlphabet(3, '')", KEY + "return $security.decrypt('', k)")
    ),
)


@pytest.mark.parametrize("item", TABLE)
def test_same(pair: Pair, item: Snippet) -> None:
    pair.check(item)


def test_what_the_real_one_does_not_survive(pair: Pair) -> None:
    for item in OURS:
        code = item.values[0].request
        outcome = pair.ask(code)
        assert outcome.other.status == 200  # type: ignore[union-attr]
