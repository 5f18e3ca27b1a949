// `$template`: Go's html/template as scripts know it. templateparse.js makes the tree, templatehtml.js escapes.
//
// What a template is given are copies as Go would have them. Objects of the prelude's (records, collections, dates) are
// reached by Go's names: {{.record.Id}}, {{.record.Get "title"}}. Functions of a script can be called, which the real
// one can't.

const { isArray } = Array;
const { keys, hasOwn } = Object;
const DEPTH_MAX = 100;
const CONTEXT_CHARS_MAX = 20;
const OUTPUT_CHARS_MAX = 16 << 20;
const STEPS_MAX = 10_000_000;
const CACHED_MAX = 64;

class Break extends Error {}
class Continue extends Error {}
class Failure extends Error {}

const fail = (message) => { throw new Failure(message); };
const { glob } = G.$filepath;
const isFunction = (v) => typeof v === "function";
const isInteger = (v) => typeof v === "number" && Number.isSafeInteger(v);

// -- functions ----------------------------------------------------------------------------------------------------------

const truth = (v) => {
    if (v === null || v === undefined) return false;
    if (typeof v === "object") {
        if (v instanceof P.SafeHTML) return v.html !== "";
        if (isArray(v)) return v.length > 0;
        return P.isGo(v) || P.isRecord(v) || keys(v).length > 0;
    }
    return Boolean(v);
};

const textOf = (v) => (v instanceof P.SafeHTML ? v.html : v);
const kindOf = (v) => {
    const value = textOf(v);
    if (value === null || value === undefined) return "nil";
    if (typeof value === "number") return isInteger(value) ? "int" : "float";
    return { string: "string", boolean: "bool" }[typeof value] ?? "other";
};

function typeName(v, constant) {
    return constant && isInteger(v) ? "int" : P.goType(v);
}

function same(a, b) {
    const [one, two] = [kindOf(a), kindOf(b)];
    if (one === "other" && (isArray(a) || !P.isGo(a))) fail(`non-comparable type ${P.goFormat("%s", [a])}: ${P.goType(a)}`);
    if (one === "nil" || two === "nil") return one === two;
    if (one !== two) fail(`incompatible types for comparison: ${P.goType(a)} and ${P.goType(b)}`);
    return textOf(a) === textOf(b);
}

function before(a, b) {
    const [one, two] = [kindOf(a), kindOf(b)];
    if (one !== two) fail(`incompatible types for comparison: ${P.goType(a)} and ${P.goType(b)}`);
    if (!["int", "float", "string"].includes(one)) fail("invalid type for comparison");
    return textOf(a) < textOf(b);
}

function indexed(item, ...path) {
    let at = item;
    if (at === null || at === undefined) fail("index of untyped nil");
    for (const index of path) {
        if (at === null || at === undefined) fail("index of nil pointer");
        if (isArray(at) || typeof at === "string") {
            const list = typeof at === "string" ? Array.from(P.utf8(at), (c) => c.charCodeAt(0)) : at;
            if (!isInteger(index)) fail(index === null ? "cannot index slice/array with nil" : `cannot index slice/array with type ${P.goType(index)}`);
            if (index < 0 || index >= list.length) fail(`index out of range: ${index}`);
            at = list[index];
        } else if (typeof at === "object" && !P.isGo(at) && !P.isRecord(at)) {
            if (typeof index !== "string") fail(`value has type ${P.goType(index)}; should be string`);
            at = hasOwn(at, index) ? at[index] : null;
        } else {
            fail(`can't index item of type ${P.goType(at)}`);
        }
    }
    return at;
}

function sliced(item, ...bounds) {
    if (item === null || item === undefined) fail("slice of untyped nil");
    if (bounds.length > 3) fail(`too many slice indexes: ${bounds.length}`);
    if (typeof item === "string" && bounds.length === 3) fail("cannot 3-index slice a string");
    if (typeof item !== "string" && !isArray(item)) fail(`can't slice item of type ${P.goType(item)}`);
    const whole = typeof item === "string" ? P.utf8(item) : item;
    for (const bound of bounds) {
        if (!isInteger(bound)) fail(`cannot index slice/array with type ${P.goType(bound)}`);
        if (bound < 0 || bound > whole.length) fail(`index out of range: ${bound}`);
    }
    const [from = 0, to = whole.length] = bounds;
    if (from > to) fail(`invalid slice index: ${from} > ${to}`);
    return typeof item === "string" ? P.fromUtf8(whole.slice(from, to)) : whole.slice(from, to);
}

function lengthOf(item) {
    if (item === null || item === undefined) fail("reflect: call of reflect.Value.Type on zero Value");
    if (typeof item === "string") return P.utf8(item).length;
    if (isArray(item)) return item.length;
    if (typeof item === "object" && !P.isGo(item) && !P.isRecord(item)) return keys(item).length;
    return fail(`len of type ${P.goType(item)}`);
}

const JS_ESCAPES = { "\\": "\\\\", "'": "\\'", "\"": "\\\"", "<": "\\u003C", ">": "\\u003E", "&": "\\u0026", "=": "\\u003D" };
const jsEscaped = (text) => text.replace(/[\\'"<>&=\x00-\x1f\x7f]/g, (c) =>
    JS_ESCAPES[c] ?? "\\u" + c.charCodeAt(0).toString(16).toUpperCase().padStart(4, "0"));
const queryEscaped = (text) => P.utf8(text).replace(/[^A-Za-z0-9\-._~]/g, (c) =>
    (c === " " ? "+" : "%" + c.charCodeAt(0).toString(16).toUpperCase().padStart(2, "0")));

// [least arguments, most, what it does]
const FUNCTIONS = {
    call: [1, Infinity, (fn, ...args) => (isFunction(fn) ? P.exported(fn(...args)) : fail(`non-function ${P.goPrint([fn])} of type ${P.goType(fn)}`))],
    html: [0, Infinity, (...args) => P.htmlEscaped(P.goPrint(args))],
    index: [1, Infinity, indexed],
    slice: [1, Infinity, sliced],
    js: [0, Infinity, (...args) => jsEscaped(P.goPrint(args))],
    len: [1, 1, lengthOf],
    not: [1, 1, (v) => !truth(v)],
    print: [0, Infinity, (...args) => P.goPrint(args)],
    println: [0, Infinity, (...args) => P.goPrintLine(args)],
    urlquery: [0, Infinity, (...args) => queryEscaped(P.goPrint(args))],
    eq: [1, Infinity, (a, ...others) => (others.length === 0 ? fail("missing argument for comparison") : others.some((b) => same(a, b)))],
    ne: [2, 2, (a, b) => !same(a, b)],
    lt: [2, 2, before],
    le: [2, 2, (a, b) => before(a, b) || same(a, b)],
    gt: [2, 2, (a, b) => !(before(a, b) || same(a, b))],
    ge: [2, 2, (a, b) => !before(a, b)],
    raw: [1, 1, (text) => (typeof text === "string" ? new P.SafeHTML(text) : fail(`wrong type for value; expected string; got ${P.goType(text)}`))],
};
const LOGIC = new Set(["and", "or"]);
const ESCAPERS = new Set(["html", "urlquery"]);

// -- execution ----------------------------------------------------------------------------------------------------------

class Execution {
    constructor(set, own, data) {
        this.set = set;
        this.own = own;
        this.html = new P.Html();
        this.out = [];
        this.size = 0;
        this.steps = 0;
        this.data = data;
    }

    write(text) {
        this.size += text.length;
        if (this.size > OUTPUT_CHARS_MAX) throw P.goError("the template's output is too long");
        this.out.push(text);
    }

    run(name) {
        const template = this.set.get(name);
        this.call(template, this.data, 0);
        const open = this.html.end();
        if (open !== "") throw P.goError(`html/template:${name}: ${open}`);
        return this.out.join("");
    }

    call(template, data, depth) {
        const frame = { template, depth, variables: [["$", data]] };
        this.list(frame, template.body, data);
    }

    // An error at a node, with its place.
    stop(frame, node, message) {
        const { file, name, text } = frame.template;
        const ahead = text.slice(0, node.at);
        const line = ahead.split("\n").length;
        const column = P.utf8(ahead.slice(ahead.lastIndexOf("\n") + 1)).length;
        const shown = node.text.length > CONTEXT_CHARS_MAX ? node.text.slice(0, CONTEXT_CHARS_MAX) + "..." : node.text;
        throw P.goError(`template: ${file}:${line}:${column}: executing ${P.goQuote(name)} at <${shown}>: ${message}`);
    }

    list(frame, nodes, dot) {
        const scope = frame.variables.length;
        for (const node of nodes) this.node(frame, node, dot);
        frame.variables.length = scope;
    }

    node(frame, node, dot) {
        if (++this.steps > STEPS_MAX) throw P.goError("the template takes too many steps");
        switch (node.kind) {
            case "text": this.markup(frame, () => this.html.text(node.text)); break;
            case "action": this.action(frame, node, dot); break;
            case "if": case "with": this.choice(frame, node, dot); break;
            case "range": this.range(frame, node, dot); break;
            case "break": throw new Break();
            case "continue": throw new Continue();
            default: this.nested(frame, node, dot);
        }
    }

    markup(frame, work) {
        try {
            this.write(work());
        } catch (error) {
            if (!(error instanceof P.HtmlFault)) throw error;
            throw P.goError(`html/template:${frame.template.name}: ${error.message}`);
        }
    }

    action(frame, { pipe }, dot) {
        const { commands } = pipe;
        const last = commands.at(-1).args[0];
        commands.forEach(({ args: [head] }, at) => {
            if (head.kind === "function" && ESCAPERS.has(head.name) && at < commands.length - 1) {
                const { file, text } = frame.template;
                const ahead = text.slice(0, pipe.at);
                const place = `${ahead.split("\n").length}:${ahead.length - ahead.lastIndexOf("\n") - 1}`;
                throw P.goError(`html/template:${file}:${place}: predefined escaper ${P.goQuote(head.name)} disallowed in template`);
            }
        });
        // {{. | html}} is what is done anyway
        const escaped = last.kind === "function" && last.name === "html" && (this.html.state === "text" || this.html.state === "rcdata");
        const value = this.pipe(frame, pipe, dot);
        if (pipe.names.length > 0) return;
        if (escaped) this.write(value);
        else this.markup(frame, () => this.html.value([value]));
    }

    choice(frame, node, dot) {
        const scope = frame.variables.length;
        const value = this.pipe(frame, node.pipe, dot);
        if (truth(value)) this.list(frame, node.body, node.kind === "with" ? value : dot);
        else if (node.otherwise !== null) this.list(frame, node.otherwise, dot);
        frame.variables.length = scope;
    }

    range(frame, node, dot) {
        const scope = frame.variables.length;
        const value = this.pipe(frame, node.pipe, dot, true);
        const { names, assigns } = node.pipe;
        let any = false;
        try {
            for (const [key, item] of this.items(frame, node.pipe, value)) {
                any = true;
                frame.variables.length = scope;
                const [first, second] = names;
                if (second !== undefined) {
                    this.assign(frame, first, key, assigns);
                    this.assign(frame, second, item, assigns);
                } else if (first !== undefined) {
                    this.assign(frame, first, typeof value === "number" ? key : item, assigns);
                }
                try {
                    this.list(frame, node.body, item);
                } catch (error) {
                    if (!(error instanceof Continue)) throw error;
                }
            }
        } catch (error) {
            if (!(error instanceof Break)) throw error;
        }
        frame.variables.length = scope;
        if (!any && node.otherwise !== null) this.list(frame, node.otherwise, dot);
        frame.variables.length = scope;
    }

    * items(frame, pipe, value) {
        if (value === null || value === undefined) return;
        if (isArray(value)) yield* value.entries();
        else if (isInteger(value)) for (let at = 0; at < value; at++) yield [at, at];
        else if (typeof value === "object" && !P.isGo(value) && !P.isRecord(value)) {
            for (const key of keys(value).sort()) yield [key, value[key]];
        } else {
            const head = pipe.commands[0].args[0];
            this.stop(frame, pipe.commands.length === 1 && pipe.commands[0].args.length === 1 ? head : pipe, `range can't iterate over ${P.goPrint([value])}`);
        }
    }

    assign(frame, name, value, existing) {
        if (existing) {
            for (let at = frame.variables.length - 1; at >= 0; at--) {
                if (frame.variables[at][0] === name) {
                    frame.variables[at][1] = value;
                    return;
                }
            }
        }
        frame.variables.push([name, value]);
    }

    nested(frame, node, dot) {
        const template = this.set.get(node.name);
        if (template === undefined) {
            const { file, text } = frame.template;
            const ahead = text.slice(0, node.at);
            const place = `${ahead.split("\n").length}:${ahead.length - ahead.lastIndexOf("\n") - 1}`;
            throw P.goError(`html/template:${file}:${place}: no such template ${P.goQuote(node.name)}`);
        }
        if (frame.depth >= DEPTH_MAX) this.stop(frame, node, `exceeded maximum template depth (${DEPTH_MAX})`);
        this.call(template, node.pipe === null ? null : this.pipe(frame, node.pipe, dot), frame.depth + 1);
    }

    // -- pipelines --------------------------------------------------------------------------------------------------------

    pipe(frame, pipe, dot, ofRange = false) {
        let value;
        pipe.commands.forEach((command, at) => { value = this.command(frame, command, dot, at > 0 ? [value] : []); });
        if (value === undefined) value = null;
        if (!ofRange) for (const name of pipe.names) this.assign(frame, name, value, pipe.assigns);
        return value;
    }

    command(frame, command, dot, last) {
        const [head, ...args] = command.args;
        const final = () => [...args.map((arg) => this.argument(frame, arg, dot)), ...last];
        switch (head.kind) {
            case "function": return this.function(frame, command, head, args, dot, last);
            case "field": return this.members(frame, head, dot, head.names, args.length + last.length > 0 ? final : null);
            case "variable": {
                const value = this.variable(frame, head);
                if (head.names.length > 0) return this.members(frame, head, value, head.names, args.length + last.length > 0 ? final : null);
                break;
            }
            case "chain": {
                const value = this.argument(frame, head.node, dot);
                return this.members(frame, head, value, head.names, args.length + last.length > 0 ? final : null);
            }
        }
        if (args.length + last.length > 0) this.stop(frame, head, `can't give argument to non-function ${head.kind === "pipe" ? `(${head.text})` : head.text}`);
        if (head.kind === "nil") this.stop(frame, head, "nil is not a command");
        return this.argument(frame, head, dot);
    }

    variable(frame, { name }) {
        for (let at = frame.variables.length - 1; at >= 0; at--) {
            if (frame.variables[at][0] === name) return frame.variables[at][1];
        }
        return null;
    }

    argument(frame, node, dot) {
        switch (node.kind) {
            case "dot": return dot;
            case "nil": return null;
            case "bool": case "number": case "string": return node.value;
            case "field": return this.members(frame, node, dot, node.names, null);
            case "variable": {
                const value = this.variable(frame, node);
                return node.names.length === 0 ? value : this.members(frame, node, value, node.names, null);
            }
            case "chain": return this.members(frame, node, this.argument(frame, node.node, dot), node.names, null);
            case "function": return this.function(frame, node, node, [], dot, []);
            default: return this.pipe(frame, node, dot);
        }
    }

    function(frame, command, head, args, dot, last) {
        if (LOGIC.has(head.name)) return this.logic(frame, command, head, args, dot, last);
        const given = [...args.map((arg) => this.argument(frame, arg, dot)), ...last];
        const own = this.own.get(head.name);
        try {
            if (own !== undefined) return P.exported(own(...given));
            if (head.name === "printf") {
                if (given.length === 0) this.stop(frame, command, "wrong number of args for printf: want at least 1 got 0");
                if (typeof given[0] !== "string") this.stop(frame, args[0] ?? head, `expected string; found ${args[0]?.text ?? ""}`);
                return P.goFormat(given[0], given.slice(1), args.slice(1).map((arg) => arg.kind === "number"));
            }
            const [least, most, fn] = FUNCTIONS[head.name];
            if (given.length < least || given.length > most) {
                const want = most === Infinity ? `at least ${least}` : String(least);
                this.stop(frame, command, `wrong number of args for ${head.name}: want ${want} got ${given.length}`);
            }
            if (head.name === "len" && args[0]?.kind === "number") fail("len of type int");
            return fn(...given);
        } catch (error) {
            if (error instanceof Failure) this.stop(frame, command, `error calling ${head.name}: ${error.message}`);
            throw error;
        }
    }

    logic(frame, command, head, args, dot, last) {
        if (args.length + last.length === 0) this.stop(frame, command, `wrong number of args for ${head.name}: want at least 1 got 0`);
        let value;
        for (const arg of args) {
            value = this.argument(frame, arg, dot);
            if (truth(value) === (head.name === "or")) return value;
        }
        return last.length > 0 ? last[0] : value;
    }

    // -- members ----------------------------------------------------------------------------------------------------------

    members(frame, node, receiver, names, args) {
        let value = receiver;
        names.forEach((name, at) => {
            const final = at === names.length - 1 && args !== null ? args : null;
            value = this.member(frame, node, value, name, final, at);
        });
        return value;
    }

    member(frame, node, receiver, name, args, at) {
        const isRoot = at === 0 && receiver === this.data;
        const type = isRoot ? P.goType(receiver) : "interface {}";
        if (receiver === undefined || receiver === null) {
            // what a map lacks, and what a template was not given, has nothing; a nil that is there is a pointer to nothing
            if (receiver === undefined || isRoot || at === 0) return undefined;
            this.stop(frame, node, `nil pointer evaluating interface {}.${name}`);
        }
        if (typeof receiver !== "object") this.stop(frame, node, `can't evaluate field ${name} in type ${type}`);
        if (P.isRecord(receiver) || P.isGo(receiver) || isArray(receiver)) return this.method(frame, node, receiver, name, args, type);
        if (args !== null) {
            const fn = hasOwn(receiver, name) ? receiver[name] : undefined;
            if (!isFunction(fn)) this.stop(frame, node, `${name} is not a method but has arguments`);
            return P.exported(fn(...args()));
        }
        return hasOwn(receiver, name) ? receiver[name] ?? null : undefined;
    }

    // A member of an object that Go knows as a struct: `Id` is its `id`, `Get` its `get`.
    method(frame, node, receiver, name, args, type) {
        const own = /^[A-Z]/.test(name) ? [scriptName(name), name.toLowerCase()].find((each) => each !== "constructor" && each in receiver) : undefined;
        if (own === undefined) this.stop(frame, node, `can't evaluate field ${name} in type ${type}`);
        const found = receiver[own];
        if (isFunction(found)) return found.apply(receiver, args === null ? [] : args());
        if (args !== null) this.stop(frame, node, `${name} has arguments but cannot be invoked as function`);
        return found ?? null;
    }
}

// Go's name of a member as scripts have it.
const scriptName = (name) => (/^[A-Z0-9]+$/.test(name) ? name.toLowerCase()
    : name.replace(/^[A-Z]+(?=[A-Z][a-z])|^[A-Z]/, (head) => head.toLowerCase()));

// -- $template ----------------------------------------------------------------------------------------------------------

const functions = new Map();
const cache = new Map();

const known = (name) => hasOwn(FUNCTIONS, name) || LOGIC.has(name) || name === "printf" || functions.has(name);

// The templates of some texts, the first one's first; a text that is none fails when it is rendered, as in the real one.
function parsed(sources) {
    const key = JSON.stringify(sources);
    const before = cache.get(key);
    if (before !== undefined && before.functions === functions.size) return before;
    const made = { set: new Map(), error: null, functions: functions.size };
    try {
        for (const [name, text] of sources) P.parseTemplate(name, text, { known }, made.set);
    } catch (error) {
        made.error = error;
    }
    if (cache.size >= CACHED_MAX) cache.clear();
    cache.set(key, made);
    return made;
}

class Renderer {
    #load;

    constructor(load) { this.#load = load; }

    render(data) {
        const { sources, error } = this.#load();
        if (error !== null) throw error;
        const { set, error: fault } = parsed(sources);
        if (fault !== null) throw fault;
        return new Execution(set, functions, P.exported(data)).run(sources[0][0]);
    }
}

const once = (load) => {
    let found;
    return () => (found ??= load());
};

const attempt = (work) => {
    try {
        return { sources: work(), error: null };
    } catch (error) {
        return { sources: [], error };
    }
};

const fileText = (path) => P.fromUtf8(P.files.read(path));

// The files of a file system that some patterns find.
function matching(system, patterns) {
    const root = P.fsRoot(system);
    if (root === undefined) throw new TypeError(`could not convert function call parameter 0: could not convert ${String(system)} to fs.FS`);
    if (patterns.length === 0) throw P.goError("template: no files named in call to ParseFiles");
    return patterns.flatMap((pattern) => {
        const found = glob(P.path.join(root, pattern));
        if (found.length === 0) throw P.goError(`template: pattern matches no files: \`${pattern}\``);
        return found;
    });
}

const baseName = (path) => path.slice(path.lastIndexOf("/") + 1);

G.$template = {
    addFuncs(funcs) {
        for (const name of keys(P.asParams(funcs, 0, "map[string]interface {}"))) {
            if (!isFunction(funcs[name])) throw P.goError(`value for ${name} not a function`);
            functions.set(name, funcs[name]);
        }
        return G.$template;
    },

    loadFiles(...paths) {
        return new Renderer(once(() => attempt(() => {
            if (paths.length === 0) throw P.goError("template: no files named in call to ParseFiles");
            return paths.map((path) => [baseName(P.goText(path)), fileText(P.goText(path))]);
        })));
    },

    loadString(text) {
        return new Renderer(once(() => ({ sources: [["", P.goText(text)]], error: null })));
    },

    loadFS(system, ...patterns) {
        return new Renderer(once(() => attempt(() => {
            const paths = matching(system, patterns.map((each) => P.goText(each)));
            return paths.map((path) => [baseName(path), fileText(path)]);
        })));
    },
};
