"""`$os`, `$filepath` and `$filesystem` in both servers: in a folder below the data directory, whose path is hidden."""

import pytest

from tests.hooks.harness import Pair, Snippet, evaluated, snippet

# D is the folder; `t` shows what a call answers or throws, without the path of the data directory
HEAD = """
const T = $app.dataDir(), D = T + '/o';
const h = (x) => x === undefined ? 'undefined' : JSON.parse(JSON.stringify(x).replaceAll(T, 'T'));
const t = (...fns) => fns.map((fn) => { try { return h(fn()) } catch (x) { return [x.name, h(x.message), h(x)] } });
"""


def on(code: str) -> str:
    """A snippet with these names."""
    return HEAD + code


TABLE = evaluated(
    on("$os.removeAll(D); $os.mkdirAll(D + '/w/x', 0o755); return $os.stat(D).isDir()"),
    # writing and reading
    on("return t(() => $os.writeFile(D + '/a.txt', 'hé', 0o644), () => $os.readFile(D + '/a.txt'))"),
    on(
        "return [toString($os.readFile(D + '/a.txt')), String($os.readFile(D + '/a.txt')), "
        "Array.isArray($os.readFile(D + '/a.txt'))]"
    ),
    on(
        "$os.writeFile(D + '/b', [104, 105], 0o600); return [toString($os.readFile(D + '/b')), "
        "String($os.stat(D + '/b').mode())]"
    ),
    on("$os.writeFile(D + '/b', Buffer.from('buf'), 0o644); return toString($os.readFile(D + '/b'))"),
    on("$os.writeFile(D + '/b', new Uint8Array([65, 66]), 0o644); return toString($os.readFile(D + '/b'))"),
    on("$os.writeFile(D + '/b', 'x'); $os.writeFile(D + '/b', ''); return $os.readFile(D + '/b')"),
    on("return t(() => $os.writeFile(D + '/b', {a: 1}, 0o644), () => $os.writeFile(D, 'x', 0o644))"),
    on("return t(() => $os.writeFile(D + '/no/x', 'x', 0o644), () => $os.writeFile(D + '/a.txt/x', 'x', 0o644))"),
    on("return t(() => $os.readFile(D), () => $os.readFile(D + '/no'), () => $os.readFile(5), () => $os.readFile())"),
    on(
        "return t(() => $os.readFile('a\\0b'), () => $os.readFile('/no\\n'), () => $os.stat('/nope'), () => "
        "$os.stat(''))"
    ),
    on("return t(() => $os.writeFile(D + '/' + 'x'.repeat(300), 'x', 0o644))"),
    # what is known of a file
    on(
        "const s = $os.stat(D + '/a.txt'); return [s.name(), s.size(), s.mode(), String(s.mode()), "
        "s.isDir(), Object.keys(s), String(s), s]"
    ),
    on(
        "const m = $os.stat(D).mode(); return [m, String(m), String(m.perm()), m.isDir(), m.isRegular(), "
        "String(m.type()), m & 0o777]"
    ),
    on(
        "const m = $os.stat(D + '/a.txt').modTime(); return [Math.abs(m.unix() - Date.now() / 1000) < 60, "
        "/^\\d{4}-.* UTC$/.test(String(m))]"
    ),
    on("return [$os.stat('/').name(), $os.stat('.').name(), $os.stat(D + '/').name(), $os.stat(D + '/..').name()]"),
    on(
        "return $os.readDir(D).map((x) => [x.name(), x.isDir(), String(x.type()), x.info().size() >= 0, "
        "String(x), x.string()])"
    ),
    on("const d = $os.readDir(D); return [d, String(d), Object.keys(d[0])]"),
    on("return t(() => $os.readDir(D + '/no'), () => $os.readDir(D + '/a.txt'), () => $os.readDir(D + '/w/x'))"),
    # changing
    on(
        "return t(() => $os.mkdir(D + '/d', 0o755), () => $os.mkdir(D + '/d', 0o755), () => "
        "$os.mkdir(D + '/e/f', 0o755))"
    ),
    on(
        "return t(() => $os.mkdirAll(D + '/e/f', 0o755), () => $os.mkdirAll(D + '/e/f', 0o755), () => "
        "$os.mkdirAll(D + '/a.txt/f', 0o755), "
        "() => $os.mkdirAll(D + '/a.txt', 0o755))"
    ),
    on(
        "return t(() => $os.rename(D + '/e', D + '/g'), () => $os.stat(D + '/g/f').name(), () => "
        "$os.rename(D + '/no', D + '/h'))"
    ),
    on(
        "return t(() => $os.rename(D + '/a.txt', D + '/g'), () => $os.rename(D + '/b', D + '/a.txt'), () => "
        "$os.readFile(D + '/a.txt'))"
    ),
    on(
        "return t(() => $os.rename(D + '/d', D + '/a.txt'), () => $os.rename(D + '/g', D + '/g/f/i'), () => "
        "$os.rename(D + '/no', D + '/g'))"
    ),
    on(
        "return t(() => $os.remove(D + '/g'), () => $os.remove(D + '/no'), () => $os.remove(D + '/d'), () => "
        "$os.remove(D + '/a.txt'))"
    ),
    on("return t(() => $os.removeAll(D + '/g'), () => $os.removeAll(D + '/g'), () => $os.stat(D + '/g'))"),
    on(
        "$os.writeFile(D + '/c', 'hello', 0o644); return t(() => $os.truncate(D + '/c', 2), () => "
        "$os.readFile(D + '/c'), "
        "() => $os.truncate(D + '/c', 4), () => $os.readFile(D + '/c'), () => $os.truncate(D + '/no', 2), () "
        "=> $os.truncate(D + '/c', -2))"
    ),
    "return [$os.tempDir(), $os.stat($os.tempDir()).isDir(), $os.getenv('POCKER_NOPE'), typeof $os.exit, "
    "$os.args.length > 0]",
    "return [Object.keys($os), Object.keys($filepath), Object.keys($filesystem), Object.keys($mails)]",
    # roots
    on(
        "const f = $os.dirFS(D); return [h(String(f)), h(f), Object.keys(f), toString(f.readFile('c')), "
        "f.stat('c').size(), f.readDir('.').length]"
    ),
    on(
        "const f = $os.dirFS(D); return t(() => f.open('../c'), () => f.readFile('no'), () => f.stat('/c'), "
        "() => f.readDir('c'), () => f.open('no'))"
    ),
    on("const x = $os.dirFS(D).open('c'); return [Object.keys(x), toString(x), x.stat().size(), x.close()]"),
    on(
        "const r = $os.openRoot(D); return [Object.keys(r), h(r.name()), h(r.open('c').name()), "
        "toString(r.open('c')), toString(r.readFile('c'))]"
    ),
    on(
        "const r = $os.openRoot(D); return t(() => r.open('../x'), () => r.open('/x'), () => r.open('no'), "
        "() => r.readFile('../x'), () => r.stat('no'))"
    ),
    on(
        "const r = $os.openRoot(D); return t(() => r.mkdir('m', 0o755), () => r.mkdir('m', 0o755), () => "
        "r.mkdir('../m', 0o755), "
        "() => r.writeFile('m/f', 'abc', 0o644), () => toString(r.readFile('m/f')), () => r.rename('m/f', "
        "'m/g'), () => r.remove('m/g'), "
        "() => r.remove('no'), () => r.removeAll('m'), () => r.removeAll('m'))"
    ),
    on(
        "const f = $os.openRoot(D).create('n'); return [f.writeString('hello'), f.write('!'), f.seek(1, 0), "
        "f.writeString('E'), f.close(), "
        "toString($os.readFile(D + '/n'))]"
    ),
    on("const f = $os.openInRoot(D, 'c'); return [f.stat().size(), h(f.name()), f.close()]"),
    on(
        "return t(() => $os.openInRoot(D, '../c'), () => $os.openInRoot(D, 'no'), () => "
        "$os.openRoot(D + '/no'), () => $os.openRoot(D + '/c'))"
    ),
    # paths
    "return ['/a/b.txt', '', '///', 'a/', 5, null].map((x) => [$filepath.base(x), $filepath.dir(x), "
    "$filepath.ext(x), $filepath.clean(x)])",
    "return ['/a/../b/./c//d', '../../a', '/..', 'a/b/../..', '.a/b', 'a.tar.gz'].map((x) => "
    "[$filepath.clean(x), $filepath.ext(x), $filepath.isAbs(x)])",
    "return [$filepath.join('a', '..', '/b', 'c'), $filepath.join(), $filepath.join('', ''), $filepath.join('/', 'a')]",
    "return [$filepath.split('/a/b.c'), $filepath.split('a'), $filepath.splitList('/a:/b:'), "
    "$filepath.splitList(''), $filepath.toSlash('a\\\\b')]",
    *(
        f"return $filepath.match({pattern}, {name})"
        for pattern, name in (
            *(
                ("'*.js'", "'a.js'"),
                ("'*.js'", "'a/b.js'"),
                ("'a?c'", "'abc'"),
                ("'a*b*c'", "'axxbyyc'"),
                ("'*'", "''"),
            ),
            *(("'[a-c]x'", "'bx'"), ("'[^a-c]x'", "'bx'"), ("'\\\\*'", "'*'"), ("'['", "'a'"), ("'[]a]'", "']'")),
            *(
                ("'a['", "'a'"),
                ("'[-]'", "'-'"),
                ("'[a-]'", "'a'"),
                ("'a\\\\'", "'a'"),
                ("'é?'", "'éx'"),
                ("'a*/b'", "'a/c/b'"),
            ),
        )
    ),
    *(
        f"return $filepath.rel({base}, {target})"
        for base, target in (
            *(
                ("'/a'", "'/a/b/c'"),
                ("'/a/b'", "'/a/c'"),
                ("'a'", "'a'"),
                ("'a'", "'b/c'"),
                ("'/a'", "'b'"),
                ("'..'", "'a'"),
            ),
            *(("''", "'a'"), ("'a/b'", "'.'"), ("'../a'", "'../b'")),
        )
    ),
    on(
        "$os.writeFile(D + '/w/1.txt', '1', 0o644); $os.writeFile(D + '/w/x/2.txt', '22', 0o644); "
        "return h([$filepath.glob(D + '/w/*'), $filepath.glob(D + '/w/*/*.txt'), $filepath.glob(D + '/no*'), "
        "$filepath.glob(D + '/w')])"
    ),
    "return $filepath.glob('[')",
    on("const r = []; $filepath.walk(D + '/w', (p, i, e) => { r.push([h(p), i.isDir(), i.name(), e]) }); return r"),
    on("const r = []; $filepath.walkDir(D + '/w', (p, i, e) => { r.push([h(p), i.isDir(), String(i), e]) }); return r"),
    on("const r = []; $filepath.walk(D + '/no', (p, i, e) => { r.push(h(p), i === null, h(String(e))) }); return r"),
    on(
        "return t(() => $filepath.walk(D + '/no', (p, i, e) => e), () => $filepath.walkDir(D + '/w', () => "
        "{ throw new Error('stop') }))"
    ),
    # files on their way
    snippet(
        "const f = $filesystem.fileFromBytes('hello', 'A b.TXT'); return [Object.keys(f), f.originalName, "
        "f.size, f.reader, "
        "/^a_b_\\w{10}\\.TXT$/.test(f.name), Object.keys(f.asMap()).sort(), toString(f.reader.open())]"
    ),
    "const n = (s) => $filesystem.fileFromBytes('hi', s).name.replace(/[a-z0-9]{10}_[a-z0-9]{10}/, "
    "'R_R').replace(/_[a-z0-9]{10}(\\.|$)/, '_R$1'); "
    "return ['Test_File.TXT', 'äöü.png', '  x  y .jpg', 'test.tar.gz', 'a.b.c.d', 'my file (1).JPEG', "
    "'UPPERCase', 'camelCase.png', "
    "'abc.', '.hidden', 'a/b/c.txt', 'xxx.p n g', '日本語.txt', 'a--b__c.txt', 'foo.äö', 'v1.2.3.zip', "
    "'HTMLParser2Go.x', "
    "'abc.verylongextensionverylong'].map(n)",
    "const n = (b) => $filesystem.fileFromBytes(b, 'abc').name.replace(/_\\w{10}/, ''); return ['{}', "
    "'hello', '<html>', "
    "'<?xml version=\"1.0\"?><a/>', '%PDF-1.4', [137, 80, 78, 71, 13, 10, 26, 10], [255, 216, 255, 224], "
    "'GIF89a', [80, 75, 3, 4], "
    "[0, 1, 2], '<svg xmlns=\"http://www.w3.org/2000/svg\"></svg>', 'a,b\\nc,d\\n', 'RIFF....WEBPVP8 ', [31, "
    "139, 8]].map(n)",
    "return $filesystem.fileFromBytes('', 'x.bin')",
    on(
        "const f = $filesystem.fileFromPath(D + '/w/1.txt'); return [h(f.reader), f.originalName, f.size, "
        "Object.keys(f.reader), toString(f.reader.open())]"
    ),
    on("return t(() => $filesystem.fileFromPath(D + '/no'))"),
    on("$os.removeAll(D); return $os.stat(D)").replace("return $os.stat(D)", "return 1"),
)

PROCESSES = "scripts can't start or end processes on this server"

REFUSED = {
    "$os.cmd('ls')": f"$os.cmd is not allowed: {PROCESSES}",
    "$os.exec('ls', '-l')": f"$os.exec is not allowed: {PROCESSES}",
    "$os.exit(1)": f"$os.exit is not allowed: {PROCESSES}",
    "new Command({use: 'x'})": f"new Command is not allowed: {PROCESSES}",
    "$os.readFile('/pb_data/data.db')": "open /pb_data/data.db: operation not permitted: it belongs to the server",
    "$os.readFile('/etc/passwd')": "open /etc/passwd: no such file or directory",
    "$os.readFile('/../../../../etc/passwd')": "open /../../../../etc/passwd: no such file or directory",
    "$os.readFile('/proc/self/environ')": "open /proc/self/environ: no such file or directory",
    "$os.removeAll('/pb_data')": "unlinkat /pb_data: operation not permitted: it belongs to the server",
    "$os.removeAll('/')": "unlinkat /: operation not permitted",
    "$os.openRoot('/').symlink('/etc', 'x')": "symlink is not available: files of scripts are not open in the system",
    "$filesystem.s3()": "$filesystem.s3 is not available yet: this server has no files service",
    "$mails.sendRecordOTP()": "$mails.sendRecordOTP is not available yet: this server has no mail service",
}


@pytest.mark.parametrize("item", TABLE)
def test_same(pair: Pair, item: Snippet) -> None:
    pair.check(item)


def test_what_is_refused(pair: Pair) -> None:
    """Of the real one, nothing of this is asked."""
    pair.start()
    ours = pair.sides[-1]
    for code, message in REFUSED.items():
        answer = ours.ask(snippet(f"return {code}").request)
        assert answer.json()["err"] == f"GoError: {message}", code  # type: ignore[union-attr]
