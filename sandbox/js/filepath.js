// `$filepath`: paths by Go's rules, for Unix. What looks at files asks `$os` (os.js).

const text = P.goText;

function clean(path) {
    if (path === "") return ".";
    const rooted = path[0] === "/";
    const out = [];
    for (const part of path.split("/")) {
        if (part === "" || part === ".") continue;
        if (part !== "..") out.push(part);
        else if (out.length > 0 && out[out.length - 1] !== "..") out.pop();
        else if (!rooted) out.push("..");
    }
    return (rooted ? "/" : "") + out.join("/") || ".";
}

function base(path) {
    if (path === "") return ".";
    const whole = path.replace(/\/+$/, "");
    return whole === "" ? "/" : whole.slice(whole.lastIndexOf("/") + 1);
}

function ext(path) {
    const name = path.slice(path.lastIndexOf("/") + 1);
    const at = name.lastIndexOf(".");
    return at < 0 ? "" : name.slice(at);
}

function join(...parts) {
    const found = parts.map(text);
    const first = found.findIndex((part) => part !== "");
    return first < 0 ? "" : clean(found.slice(first).join("/"));
}

function rel(from, to) {
    const [start, target] = [clean(from), clean(to)];
    if (start === target) return ".";
    const own = start === "." ? "" : start;
    if ((own[0] === "/") !== (target[0] === "/")) throw P.goError(`Rel: can't make ${to} relative to ${from}`);
    const above = own.split("/").filter((part) => part !== "");
    const below = target.split("/").filter((part) => part !== "" && part !== ".");
    let same = 0;
    while (same < above.length && same < below.length && above[same] === below[same]) same++;
    if (above[same] === "..") throw P.goError(`Rel: can't make ${to} relative to ${from}`);
    return [...above.slice(same).fill(".."), ...below.slice(same)].join("/");
}

// -- patterns -------------------------------------------------------------------------------------------------------------

const BAD_PATTERN = "syntax error in pattern";
const bad = () => P.goError(BAD_PATTERN);

// A pattern's parts: "*", "?", [negated, ranges] or a character.
function parsed(pattern) {
    const chars = [...pattern];
    const out = [];
    let at = 0;
    const one = () => {
        if (at >= chars.length || chars[at] === "-" || chars[at] === "]") throw bad();
        if (chars[at] === "\\" && ++at >= chars.length) throw bad();
        const char = chars[at++];
        if (at >= chars.length) throw bad();
        return char.codePointAt(0);
    };
    while (at < chars.length) {
        const char = chars[at++];
        if (char === "*" || char === "?") out.push({ kind: char });
        else if (char === "\\") {
            if (at >= chars.length) throw bad();
            out.push({ kind: "=", char: chars[at++] });
        } else if (char === "[") {
            const negated = chars[at] === "^";
            if (negated) at++;
            const ranges = [];
            while (chars[at] !== "]" || ranges.length === 0) {
                const low = one();
                let high = low;
                if (chars[at] === "-") {
                    at++;
                    high = one();
                }
                ranges.push([low, high]);
            }
            at++;
            out.push({ kind: "[", negated, ranges });
        } else out.push({ kind: "=", char });
    }
    return out;
}

const fits = (part, char) => {
    if (part.kind === "?") return char !== "/";
    if (part.kind === "=") return part.char === char;
    const code = char.codePointAt(0);
    return part.ranges.some(([low, high]) => low <= code && code <= high) !== part.negated;
};

function matches(parts, name) {
    const chars = [...name];
    let [part, at, star, from] = [0, 0, -1, 0];
    while (at < chars.length) {
        if (parts[part]?.kind === "*") {
            star = part++;
            from = at;
        } else if (part < parts.length && fits(parts[part], chars[at])) {
            part++;
            at++;
        } else if (star >= 0 && chars[from] !== "/") {
            part = star + 1;
            at = ++from;
        } else return false;
    }
    while (parts[part]?.kind === "*") part++;
    return part === parts.length;
}

const hasMeta = (path) => /[*?[\\]/.test(path);

function glob(pattern, depth = 0) {
    parsed(pattern);
    if (depth > 100) throw bad();
    if (!hasMeta(pattern)) return P.files.there(pattern) ? [pattern] : [];
    const at = pattern.lastIndexOf("/") + 1;
    const file = pattern.slice(at);
    const above = pattern.slice(0, at);
    const dir = above === "" ? "." : above === "/" ? "/" : above.slice(0, -1);
    const dirs = hasMeta(dir) ? (dir === pattern ? bad() : glob(dir, depth + 1)) : [dir];
    const parts = parsed(file);
    const found = [];
    for (const each of dirs) {
        for (const name of P.files.names(each)) if (matches(parts, name)) found.push(join(each, name));
    }
    return found;
}

// -- walking --------------------------------------------------------------------------------------------------------------

// What a function answers to have a directory left out, or all of the rest.
const SKIP_DIR = "skip this directory";
const SKIP_ALL = "skip everything and stop the walk";

// Whether a directory or all of the rest is to be left out; any other error ends the walk.
function skipped(error) {
    if (error === undefined || error === null) return "";
    const message = String(error.message ?? (typeof error.error === "function" ? error.error() : error));
    if (message === SKIP_DIR || message === SKIP_ALL) return message;
    throw P.isGoError(error) ? P.goError(message, error) : error;
}

function walk(root, visit, entry) {
    const go = (path, info) => {
        const said = skipped(visit(path, entry(info), null));
        if (said === SKIP_ALL) return true;
        if (!info.isDir()) return false;
        if (said === SKIP_DIR) return false;
        let below;
        try {
            below = P.files.list(path);
        } catch (error) {
            return skipped(visit(path, entry(info), error.value ?? error)) === SKIP_ALL;
        }
        for (const each of below) if (go(join(path, each.name()), each)) return true;
        return false;
    };
    let info;
    try {
        info = P.files.info(root, false);
    } catch (error) {
        skipped(visit(root, null, error.value ?? error));
        return;
    }
    go(root, info);
}

const visitor = (fn) => {
    if (typeof fn === "function") return fn;
    throw new TypeError(`could not convert function call parameter 1: could not convert ${String(fn)} to function`);
};

G.$filepath = {
    base: (path) => base(text(path)),
    clean: (path) => clean(text(path)),
    dir: (path) => {
        const whole = text(path);
        return clean(whole.slice(0, whole.lastIndexOf("/") + 1));
    },
    ext: (path) => ext(text(path)),
    fromSlash: (path) => text(path),
    glob: (pattern) => glob(text(pattern)),
    isAbs: (path) => text(path)[0] === "/",
    join,
    match: (pattern, name) => matches(parsed(text(pattern)), text(name)),
    rel: (from, to) => rel(text(from), text(to)),
    split: (path) => {
        const at = text(path).lastIndexOf("/") + 1;
        return [text(path).slice(0, at), text(path).slice(at)];
    },
    splitList: (paths) => (text(paths) === "" ? [] : text(paths).split(":")),
    toSlash: (path) => text(path),
    walk: (root, fn) => walk(text(root), visitor(fn), (info) => info),
    walkDir: (root, fn) => walk(text(root), visitor(fn), (info) => P.files.entry(info)),
};

P.path = { clean, base, ext, join };
