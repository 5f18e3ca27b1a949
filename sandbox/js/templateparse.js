// The language of Go's templates: text with actions between {{ and }}, as a tree.
//
//   P.parseTemplate(name, text, {known(function)}, defined)   adds the template and those that it defines to `defined`, a
//                                                   Map of {name, text, body}; a GoError in Go's words for a text that is none
//
// Nodes: {kind, at, …} with kind text{text} | action{pipe} | if/with/range{pipe, body, otherwise} | template{name, pipe} |
// break | continue. A pipe is {kind: "pipe", at, names, assigns, commands}, a command {kind: "command", at, args}, an
// argument dot nil bool number string field{names} variable{name, names} chain{node, names} function{name} or a pipe. Each
// node that an error may name has `text`, its source as Go writes it.

const SPACE = /[ \t\r\n]/;
const KEYWORDS = new Set(["block", "break", "continue", "define", "else", "end", "if", "range", "template", "with"]);
const WORD = /[\p{L}\p{Nd}_]/u;
const TOKEN_CHARS_MAX = 20;

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
        return { type: "number", text: found[0], at, value: this.unquoted(found[1], found[0], at).codePointAt(0) };
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

class Parser {
    constructor(name, text, known, defined) {
        this.scanner = new Scanner(name, text);
        this.name = name;
        this.known = known;
        this.defined = defined;
        this.variables = ["$"];
        this.ranges = 0;
        this.peeked = null;
    }

    fail(message) { return this.scanner.fail(message, this.last ?? this.scanner.at); }

    // -- tokens ---------------------------------------------------------------------------------------------------------

    next() {
        const token = this.peeked ?? this.scanner.next();
        this.peeked = null;
        this.last = token.at;
        return token;
    }

    peek() {
        return (this.peeked ??= this.scanner.next());
    }

    solid() {
        let token = this.next();
        if (token.type === "space") token = this.next();
        return token;
    }

    peekSolid() {
        if (this.peek().type === "space") this.next();
        return this.peek();
    }

    unexpected(token, where) {
        const shown = token.type === "end" ? "\"}}\"" : token.type === "keyword" ? `<${token.text}>`
            : JSON.stringify(token.text.length > TOKEN_CHARS_MAX ? token.text.slice(0, 10) + "..." : token.text);
        return this.fail(`unexpected ${shown} in ${where}`);
    }

    finish(where) {
        const token = this.solid();
        if (token.type !== "end") this.unexpected(token, where);
    }

    // -- lists ----------------------------------------------------------------------------------------------------------

    add(name, body) {
        const known = this.defined.get(name);
        // an empty one never takes the place of another
        if (known !== undefined && empty(body) && !empty(known.body)) return;
        this.defined.set(name, { name, file: this.name, text: this.scanner.text, body });
    }

    // Up to the end of the text, or the {{end}} or {{else}} that belongs to whom `nested` names.
    list(nested) {
        const nodes = [];
        for (;;) {
            const { text, action } = this.scanner.plain();
            if (text !== "") nodes.push({ kind: "text", text });
            if (!action) {
                if (nested) this.scanner.fail("unexpected EOF");
                return { nodes, end: null };
            }
            if (this.scanner.comment()) continue;
            this.last = this.scanner.at;
            const token = this.peekSolid();
            if (token.type !== "keyword") {
                const pipe = this.pipeline("command", "end");
                nodes.push({ kind: "action", at: pipe.at, pipe });
                continue;
            }
            this.next();
            if (token.text === "end" || token.text === "else") {
                if (!nested) this.fail(`unexpected {{${token.text}}}`);
                if (token.text === "end") this.finish("end");
                return { nodes, end: token.text };
            }
            const node = this.statement(token, nested);
            if (node !== null) nodes.push(node);
        }
    }

    statement({ text, at }, nested) {
        switch (text) {
            case "if": case "with": case "range": return this.control(text, at);
            case "break": case "continue":
                if (this.ranges === 0) this.fail(`{{${text}}} outside {{range}}`);
                this.finish(`{{${text}}}`);
                return { kind: text, at };
            case "define": return this.definition(nested);
            case "template": return this.use(at);
            default: return this.block(at);
        }
    }

    control(kind, at) {
        const scope = this.variables.length;
        const pipe = this.pipeline(kind, "end");
        if (kind === "range") this.ranges++;
        const { nodes, end } = this.list(true);
        if (kind === "range") this.ranges--;
        const node = { kind, at, pipe, body: nodes, otherwise: null };
        if (end === "else") node.otherwise = this.alternative(kind);
        this.variables.length = scope;
        return node;
    }

    alternative(kind) {
        const token = this.peekSolid();
        if (token.type === "keyword" && token.text === kind && kind !== "range") {
            this.next();
            return [this.control(kind, token.at)];
        }
        this.finish("else");
        const { nodes, end } = this.list(true);
        if (end === "else") this.fail("expected end; found {{else}}");
        return nodes;
    }

    named(where) {
        const token = this.solid();
        if (token.type !== "string") this.unexpected(token, where);
        return token.value;
    }

    apart(work) {
        const { variables, ranges } = this;
        this.variables = ["$"];
        this.ranges = 0;
        const made = work();
        this.variables = variables;
        this.ranges = ranges;
        return made;
    }

    definition(nested) {
        if (nested) this.fail("unexpected {{define}}");
        const name = this.named("define clause");
        this.finish("define clause");
        const { nodes, end } = this.apart(() => this.list(true));
        if (end !== "end") this.fail(`unexpected {{${end}}} in define clause`);
        this.add(name, nodes);
        return null;
    }

    use(at) {
        const name = this.named("template clause");
        let pipe = null;
        if (this.peekSolid().type === "end") this.next();
        else pipe = this.pipeline("template clause", "end");
        const shown = `{{template ${P.goQuote(name)}${pipe === null ? "" : " " + pipe.text}}}`;
        return { kind: "template", at, name, pipe, text: shown };
    }

    block(at) {
        const name = this.named("block clause");
        const pipe = this.pipeline("block clause", "end");
        const { nodes, end } = this.apart(() => this.list(true));
        if (end !== "end") this.fail(`unexpected {{${end}}} in block clause`);
        this.add(name, nodes);
        return { kind: "template", at, name, pipe, text: `{{template ${P.goQuote(name)} ${pipe.text}}}` };
    }

    // -- pipelines ------------------------------------------------------------------------------------------------------

    pipeline(where, end) {
        const first = this.peekSolid();
        const pipe = { kind: "pipe", at: first.at, names: [], assigns: false, commands: [], text: "" };
        if (first.type === "variable") this.declaration(pipe, where);
        for (;;) {
            const token = this.solid();
            if (token.type === end) {
                this.complete(pipe, where);
                return pipe;
            }
            if (!["bool", "char", ".", "field", "identifier", "number", "nil", "string", "variable", "("].includes(token.type)) {
                if (token.type === ")") this.fail("unexpected right paren");
                if (token.type === "end" && end === ")") this.fail("unclosed left paren");
                this.unexpected(token, where);
            }
            this.peeked = this.pushBack(token);
            pipe.commands.push(this.command());
        }
    }

    pushBack(token) {
        if (this.peeked !== null) throw new Error("two tokens were put back");
        return token;
    }

    complete(pipe, where) {
        if (pipe.commands.length === 0) this.fail(`missing value for ${where}`);
        pipe.commands.slice(1).forEach(({ args: [head] }, at) => {
            if (["bool", "dot", "nil", "number", "string"].includes(head.kind)) {
                this.fail(`non executable command in pipeline stage ${at + 2}`);
            }
        });
        const declared = pipe.names.length === 0 ? "" : pipe.names.join(", ") + (pipe.assigns ? " = " : " := ");
        pipe.text = declared + pipe.commands.map((command) => command.text).join(" | ");
        for (const name of pipe.assigns ? [] : pipe.names) this.variables.push(name);
    }

    // `$x :=`, `$x =`, or `$i, $x :=` of a range; any other variable is the beginning of a command.
    declaration(pipe, where) {
        const save = this.scanner.at;
        const first = this.next();
        let token = this.peekSolid();
        if (token.type === ":=" || token.type === "=") {
            this.next();
            this.declare(pipe, first.text, token.type === "=");
            return;
        }
        if (token.type === "," && where === "range") {
            this.next();
            const second = this.solid();
            if (second.type !== "variable") this.unexpected(second, "range");
            token = this.solid();
            if (token.type !== ":=" && token.type !== "=") this.unexpected(token, "range");
            this.declare(pipe, first.text, token.type === "=");
            this.declare(pipe, second.text, token.type === "=");
            return;
        }
        if (token.type === ",") this.unexpected(token, where);
        this.scanner.at = save;
        this.peeked = first;
    }

    declare(pipe, name, assigns) {
        pipe.assigns = assigns;
        if (assigns && !this.variables.includes(name)) this.fail(`undefined variable "${name}"`);
        pipe.names.push(name);
    }

    command() {
        const args = [];
        const at = this.peekSolid().at;
        for (;;) {
            const operand = this.operand();
            if (operand !== null) args.push(operand);
            const token = this.next();
            if (token.type === "space") {
                if (["|", "end", ")"].includes(this.peek().type)) {
                    if (this.peek().type === "|") this.next();
                    break;
                }
                continue;
            }
            if (token.type === "end" || token.type === ")") {
                this.peeked = token;
                break;
            }
            if (token.type === "|") break;
            this.unexpected(token, "operand");
        }
        if (args.length === 0) this.fail("empty command");
        return { kind: "command", at, args, text: args.map((arg) => (arg.kind === "pipe" ? `(${arg.text})` : arg.text)).join(" ") };
    }

    operand() {
        const node = this.term();
        if (node === null || this.peek().type !== "field") return node;
        const at = this.peek().at;
        const names = [];
        while (this.peek().type === "field") names.push(this.next().text.slice(1));
        const text = `${node.kind === "pipe" ? `(${node.text})` : node.text}.${names.join(".")}`;
        if (node.kind === "field" || node.kind === "variable") return { ...node, at, names: [...node.names, ...names], text };
        if (["bool", "string", "number", "nil", "dot"].includes(node.kind)) this.fail(`unexpected . after term ${P.goQuote(node.text)}`);
        return { kind: "chain", at, node, names, text };
    }

    term() {
        const token = this.solid();
        const { type, text, at } = token;
        switch (type) {
            case "identifier":
                if (!this.known(text)) this.fail(`function ${P.goQuote(text)} not defined`);
                return { kind: "function", at, name: text, text };
            case ".": return { kind: "dot", at, text };
            case "nil": return { kind: "nil", at, text };
            case "variable":
                if (!this.variables.includes(text)) this.fail(`undefined variable ${P.goQuote(text)}`);
                return { kind: "variable", at, name: text, names: [], text };
            case "field": return { kind: "field", at, names: [text.slice(1)], text };
            case "bool": return { kind: "bool", at, value: text === "true", text };
            case "number": case "string": return { kind: type, at, value: token.value, text };
            case "(": return this.pipeline("parenthesized pipeline", ")");
        }
        this.peeked = token;
        if (type === "char" || type === "keyword") this.unexpected(token, "operand");
        return null;
    }
}

const empty = (body) => body.every((node) => node.kind === "text" && node.text.trim() === "");

P.parseTemplate = (name, text, { known }, defined) => {
    const parser = new Parser(name, text, known, defined);
    const { nodes } = parser.list(false);
    parser.add(name, nodes);
};
