// Actions of a template as tokens: text, {{ and }} with their trimming, comments, names, numbers and quoted texts.
//
//   new P.TemplateScanner(name, text)   plain() → {text, action}, comment(), close(), next() → {type, text, at, value?}

const SPACE = /[ \t\r\n]/;
const KEYWORDS = new Set(["block", "break", "continue", "define", "else", "end", "if", "range", "template", "with"]);
const WORD = /[\p{L}\p{Nd}_]/u;

class Scanner {
    constructor(name, text) {
        this.name = name;
        this.text = text;
        this.at = 0;
    }

    line(at) {
        let line = 1;
        for (let place = this.text.indexOf("\n"); place >= 0 && place < at; place = this.text.indexOf("\n", place + 1)) line++;
        return line;
    }

    fail(message, at = this.at) {
        throw P.goError(`template: ${this.name}:${this.line(at)}: ${message}`);
    }

    // Text up to the next action, or to the end; the scanner then stands behind {{ and its trimming.
    plain() {
        const open = this.text.indexOf("{{", this.at);
        const start = this.at;
        if (open < 0) {
            this.at = this.text.length;
            return { text: this.text.slice(start), action: false };
        }
        let text = this.text.slice(start, open);
        this.at = open + 2;
        if (this.text[this.at] === "-" && SPACE.test(this.text[this.at + 1] ?? "")) {
            text = text.replace(/[ \t\r\n]+$/, "");
            this.at += 2;
        }
        return { text, action: true };
    }

    // Whether a comment stands here; the scanner then stands behind its }}.
    comment() {
        if (!this.text.startsWith("/*", this.at)) return false;
        const end = this.text.indexOf("*/", this.at + 2);
        if (end < 0) this.fail("unclosed comment");
        this.at = end + 2;
        if (!this.close()) this.fail("comment ends before closing delimiter");
        return true;
    }

    // Whether the action ends here; the scanner then stands behind it, and behind blanks that are trimmed.
    close() {
        const trimmed = /^[ \t\r\n]-\}\}/.test(this.text.slice(this.at, this.at + 4));
        if (trimmed) {
            this.at += 4;
            while (SPACE.test(this.text[this.at] ?? "")) this.at++;
            return true;
        }
        if (!this.text.startsWith("}}", this.at)) return false;
        this.at += 2;
        return true;
    }

    // The next token of an action: {type, text, at}. Types: end, space, and those of `operand` below.
    next() {
        const at = this.at;
        if (this.close()) return { type: "end", text: "}}", at };
        const rest = this.text.slice(at, at + 1);
        if (rest === "") this.fail("unclosed action");
        if (SPACE.test(rest)) {
            while (SPACE.test(this.text[this.at] ?? "") && !/^[ \t\r\n]-\}\}/.test(this.text.slice(this.at, this.at + 4))) this.at++;
            return { type: "space", text: " ", at };
        }
        if (rest === "\"") return this.quoted(at);
        if (rest === "`") return this.rawText(at);
        if (rest === "'") return this.character(at);
        if (rest === "." && !/[0-9]/.test(this.text[at + 1] ?? "")) return this.field(at);
        if (rest === "$") return { type: "variable", ...this.word(at, at + 1) };
        if (rest === "(" || rest === ")" || rest === "|" || rest === "," || rest === "=") {
            this.at++;
            return { type: rest, text: rest, at };
        }
        if (rest === ":") {
            if (this.text[at + 1] !== "=") this.fail("expected :=");
            this.at += 2;
            return { type: ":=", text: ":=", at };
        }
        if (/[+\-0-9.]/.test(rest)) return this.number(at);
        if (WORD.test(rest)) return this.identifier(at);
        this.at++;
        return { type: "char", text: rest, at };
    }

    word(at, from) {
        let end = from;
        while (WORD.test(this.text[end] ?? "")) end++;
        this.at = end;
        this.ended(end);
        return { text: this.text.slice(at, end), at };
    }

    // What may follow a name.
    ended(at) {
        const next = this.text[at];
        if (next === undefined || /[ \t\r\n.,|:()]/.test(next) || this.text.startsWith("}}", at)) return;
        this.fail(`bad character U+${next.codePointAt(0).toString(16).toUpperCase().padStart(4, "0")} '${next}'`, at);
    }

    identifier(at) {
        const { text } = this.word(at, at);
        if (text === "true" || text === "false") return { type: "bool", text, at };
        return { type: KEYWORDS.has(text) ? "keyword" : text === "nil" ? "nil" : "identifier", text, at };
    }

    field(at) {
        if (!WORD.test(this.text[at + 1] ?? "")) {
            this.at++;
            return { type: ".", text: ".", at };
        }
        return { type: "field", ...this.word(at, at + 1) };
    }

    quoted(at) {
        for (let end = at + 1; end < this.text.length; end++) {
            const c = this.text[end];
            if (c === "\\") end++;
            else if (c === "\n") break;
            else if (c === "\"") {
                this.at = end + 1;
                const text = this.text.slice(at, end + 1);
                return { type: "string", text, at, value: this.unquoted(text.slice(1, -1), text, at) };
            }
        }
        return this.fail("unterminated quoted string", at);
    }

    unquoted(inner, whole, at) {
        return inner.replace(/\\(?:([abfnrtv\\'"])|x([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|([0-7]{3})|.?)/gs,
            (all, simple, byte, short, long, octal) => {
                if (simple !== undefined) return { a: "\x07", b: "\b", f: "\f", n: "\n", r: "\r", t: "\t", v: "\v" }[simple] ?? simple;
                const code = byte ?? short ?? long;
                if (code !== undefined) return String.fromCodePoint(parseInt(code, 16));
                if (octal !== undefined) return String.fromCharCode(parseInt(octal, 8));
                return this.fail("invalid syntax", at);
            });
    }

    rawText(at) {
        const end = this.text.indexOf("`", at + 1);
        if (end < 0) this.fail("unterminated raw quoted string", at);
        this.at = end + 1;
        return { type: "string", text: this.text.slice(at, end + 1), at, value: this.text.slice(at + 1, end).replaceAll("\r", "") };
    }

    character(at) {
        const found = /^'((?:[^'\\\n]|\\[^])[^'\n]*)'/u.exec(this.text.slice(at, at + 16));
        if (found === null) this.fail("unterminated character constant", at);
        this.at = at + found[0].length;
        const characters = Array.from(this.unquoted(found[1], found[0], at));
        if (characters.length !== 1) this.fail(`malformed character constant: ${found[0]}`, at);
        return { type: "number", text: found[0], at, value: characters[0].codePointAt(0) };
    }

    number(at) {
        const found = /^[+-]?(?:0[xX][0-9a-fA-F_]+|0[bB][01_]+|0[oO][0-7_]+|(?:[0-9][0-9_]*\.?[0-9_]*|\.[0-9][0-9_]*)(?:[eE][+-]?[0-9]+)?)/.exec(this.text.slice(at, at + 64));
        const end = at + (found === null ? 1 : found[0].length);
        if (found === null || WORD.test(this.text[end] ?? "")) this.fail(`bad number syntax: ${JSON.stringify(this.text.slice(at, end + 1))}`, at);
        this.at = end;
        const digits = found[0].replaceAll("_", "");
        const value = Number(/^[+-]?0[xXbBoO]/.test(digits) ? digits.replace(/^[+-]/, "") : digits);
        return { type: "number", text: found[0], at, value: digits[0] === "-" ? -Math.abs(value) : value };
    }
}

P.TemplateScanner = Scanner;
