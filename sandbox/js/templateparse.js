// The language of Go's templates: text with actions between {{ and }}, as a tree.
//
//   P.parseTemplate(name, text, {known(function)}, defined)   adds the template and those that it defines to `defined`, a
//                                                   Map of {name, text, body}; a GoError in Go's words for a text that is none
//
// Nodes: {kind, at, …} with kind text{text} | action{pipe} | if/with/range{pipe, body, otherwise} | template{name, pipe} |
// break | continue. A pipe is {kind: "pipe", at, names, assigns, commands}, a command {kind: "command", at, args}, an
// argument dot nil bool number string field{names} variable{name, names} chain{node, names} function{name} or a pipe. Each
// node that an error may name has `text`, its source as Go writes it.

const TOKEN_CHARS_MAX = 20;

class Parser {
    constructor(name, text, known, defined) {
        this.scanner = new P.TemplateScanner(name, text);
        this.name = name;
        this.known = known;
        this.defined = defined;
        this.variables = ["$"];
        this.ranges = 0;
        this.peeked = null;
        this.added = new Set();
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
        const shown = token.type === "end" ? "\"}}\"" : token.type === "keyword" || token.type === "." ? `<${token.text}>`
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
        if (known !== undefined && this.added.has(name) && !empty(known.body)) {
            this.fail(`template: multiple definition of template ${P.goQuote(name)}`);
        }
        this.added.add(name);
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
            case "template": return this.use();
            default: return this.block();
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

    use() {
        const name = this.named("template clause");
        const at = this.last;
        let pipe = null;
        if (this.peekSolid().type === "end") this.next();
        else pipe = this.pipeline("template clause", "end");
        const shown = `{{template ${P.goQuote(name)}${pipe === null ? "" : " " + pipe.text}}}`;
        return { kind: "template", at, name, pipe, text: shown };
    }

    block() {
        const name = this.named("block clause");
        const at = this.last;
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
            if (!["bool", ".", "field", "identifier", "number", "nil", "string", "variable", "("].includes(token.type)) {
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
