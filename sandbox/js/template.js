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

const { Failure, FUNCTIONS, applied, isInteger, truth } = P.templateFunctions;
const { glob } = G.$filepath;
const isFunction = (v) => typeof v === "function";

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
        if (open !== "") throw P.goError(`html/template:${name === "" ? "" : name + ":"} ${open}`);
        return this.out.join("");
    }

    call(template, data, depth) {
        const frame = { template, depth, variables: [["$", data]] };
        this.list(frame, template.body, data);
    }

    // An error at a node, with its place.
    stop(frame, node, message) {
        const { name } = frame.template;
        const shown = node.text.length > CONTEXT_CHARS_MAX ? node.text.slice(0, CONTEXT_CHARS_MAX) + "..." : node.text;
        throw P.goError(`template: ${this.place(frame, node.at)}: executing ${P.goQuote(name)} at <${shown}>: ${message}`);
    }

    list(frame, nodes, dot) {
        const scope = frame.variables.length;
        for (const node of nodes) this.node(frame, node, dot);
        frame.variables.length = scope;
    }

    node(frame, node, dot) {
        if (++this.steps > STEPS_MAX) throw P.goError("the template takes too many steps");
        switch (node.kind) {
            case "text": this.text(frame, node); break;
            case "action": this.action(frame, node, dot); break;
            case "if": case "with": this.choice(frame, node, dot); break;
            case "range": this.range(frame, node, dot); break;
            case "break": throw new Break();
            case "continue": throw new Continue();
            default: this.nested(frame, node, dot);
        }
    }

    // What becomes of a text depends on where it stands, and on nothing else.
    text(frame, node) {
        const { html } = this;
        const place = html.place;
        const known = (node.known ??= new Map());
        let found = known.get(place);
        if (found === undefined) {
            const out = this.markup(frame, () => html.text(node.text));
            known.set(place, (found = { out, place: html.place }));
        } else {
            html.place = found.place;
        }
        this.write(found.out);
    }

    markup(frame, work) {
        try {
            return work();
        } catch (error) {
            if (!(error instanceof P.HtmlFault)) throw error;
            throw P.goError(`html/template:${frame.template.name}: ${error.message}`);
        }
    }

    action(frame, { pipe }, dot) {
        const { commands } = pipe;
        const last = commands[commands.length - 1].args[0];
        if (commands.length > 1) this.checkEscapers(frame, pipe);
        // {{. | html}} is what is done anyway
        const escaped = last.kind === "function" && last.name === "html" && (this.html.state === "text" || this.html.state === "rcdata");
        const value = this.pipe(frame, pipe, dot);
        if (pipe.names.length > 0) return;
        if (escaped) this.write(value);
        else this.write(this.html.value(value));
    }

    checkEscapers(frame, { at, commands }) {
        for (const { args: [head] } of commands.slice(0, -1)) {
            if (head.kind !== "function" || !ESCAPERS.has(head.name)) continue;
            throw P.goError(`html/template:${this.place(frame, at)}: predefined escaper ${P.goQuote(head.name)} disallowed in template`);
        }
    }

    // File, line and column of a place in the template.
    place({ template: { file, text } }, at) {
        const ahead = text.slice(0, at);
        return `${file}:${ahead.split("\n").length}:${P.utf8(ahead.slice(ahead.lastIndexOf("\n") + 1)).length}`;
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
        if (names.length > 1 && isInteger(value)) {
            this.stop(frame, node.pipe.commands[0].args[0], `can't use ${value} to iterate over more than one variable`);
        }
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
            throw P.goError(`html/template:${this.place(frame, node.at)}: no such template ${P.goQuote(node.name)}`);
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
                this.stop(frame, head, `wrong number of args for ${head.name}: want ${want} got ${given.length}`);
            }
            return applied(fn, given, args.filter(({ kind }) => kind === "number").map(({ value }) => value));
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
    if (patterns.length === 0) throw P.goError("html/template: no files named in call to ParseFiles");
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
            if (paths.length === 0) return [["", ""]];
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
