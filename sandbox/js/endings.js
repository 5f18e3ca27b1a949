// Handlers whose last word is `e.next()`: nothing of them is left to be run after it, so the host need not come back.
//
//   P.endsWithNext(fn)    whether a call of e.next() in the function `fn` is the last thing that it does
//
// This is told from the text alone, and only where it is certain: the one `next` in it is the call that ends the outermost
// body, and `e`, which has no other name, goes nowhere else. What can't be read with ease (a regular expression, `await`,
// a destructured parameter) counts as not certain.

const { toString } = Function.prototype;
const { apply } = Reflect;

// Texts and comments; of a template what is in its braces is left.
const MUTE = /"(?:\\[^]|[^"\\\n])*"|'(?:\\[^]|[^'\\\n])*'|`(?:\\[^]|[^`\\$]|\$(?!\{)|\$\{[^`{}]*\})*`|\/\/[^\n]*|\/\*[^]*?\*\//g;
const HEAD = /^(?:function\s*\w*\s*\(\s*([A-Za-z_]\w*)\s*\)\s*\{|(?:\(\s*([A-Za-z_]\w*)\s*\)|([A-Za-z_]\w*))\s*=>\s*\{?)/;
const UNCLEAR = /[/`\\]|<!--|-->|\b(?:arguments|eval|async|await|yield|while|do|with)\b|\.\s*event\b/;
// Words after which an expression goes on in the next line.
const OPEN_WORD = /\b(?:in|of|instanceof|typeof|void|new|delete|case)$/;
const CHARS_MAX = 20_000;

// The same code without texts and comments.
function bare(code) {
    return code.replace(MUTE, (found) => {
        if (found[0] === "/") return found.includes("\n") ? "\n" : " ";
        if (found[0] !== "`") return '""';
        return "(" + Array.from(found.matchAll(/(?:^|[^\\])\$\{([^`{}]*)\}/g), (match) => bare(match[1])).join(",") + ")";
    });
}

// Whether a statement begins after `code`, which is not the body of a loop.
function ends(code) {
    const line = /\n\s*$/.test(code);
    const before = code.trimEnd();
    const last = before[before.length - 1];
    if (last === ";" || last === "{" || last === "}") return true;
    if (!line || !/[\w\])"]/.test(last) || OPEN_WORD.test(before)) return false;
    return last !== ")" || !isLoop(before);
}

// Whether the parenthesis that ends `code` is that of a `for`.
function isLoop(code) {
    let depth = 0;
    for (let at = code.length - 1; at >= 0; at--) {
        if (code[at] === ")") depth++;
        else if (code[at] === "(" && --depth === 0) return /\bfor\s*$/.test(code.slice(0, at));
    }
    return true;
}

function look(source) {
    if (source.length > CHARS_MAX) return false;
    const code = bare(source).trim();
    const head = HEAD.exec(code);
    if (head === null || UNCLEAR.test(code) || code.match(/\bnext\b/g)?.length !== 1) return false;
    const name = head[1] ?? head[2] ?? head[3];
    const body = code.slice(head[0].length);
    // each mention of the event is one of a member of it
    if (new RegExp(`(?<![\\w$])${name}(?![\\w$])(?!\\s*\\.\\s*[A-Za-z_])`).test(body)) return false;
    if (!head[0].endsWith("{")) return new RegExp(`^\\s*${name}\\.next\\(\\s*\\)$`).test(body);
    const end = new RegExp(`(?<![\\w$.])(?:return[ \\t]+)?${name}\\.next\\(\\s*\\)\\s*;?\\s*\\}$`).exec(body);
    return end !== null && ends("{" + body.slice(0, end.index));
}

const known = new WeakMap();

P.endsWithNext = (fn) => {
    let told = known.get(fn);
    if (told === undefined) {
        told = look(apply(toString, fn, []));
        known.set(fn, told);
    }
    return told;
};
