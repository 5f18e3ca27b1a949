// `require`: CommonJS modules of the tenant's own, and the few that are built in.
//
//   P.builtins[name] = () => exports     a module that is there without a file (buffer, console, process, util, url…)
//
// The host finds and reads files, and never one outside of the tenant's directory. A module runs once in a process; one
// that throws is not kept. In the files and handlers themselves relative names start at `/`, as for a PocketBase that was
// started beside its pb_hooks, and then at `/pb_hooks`.

const { create } = Object;
const HEAD = "(function (exports, require, module, __filename, __dirname) {";
const NODE = "node:";

const modules = new Map(); // path → module
const known = new Map(); // folder, a line break, name → path
const fromBuiltins = new Map();

P.builtins = create(null);
P.builtins.buffer = () => ({ Buffer: G.Buffer });
P.builtins.console = () => G.console;
P.builtins.process = () => G.process;
P.builtins.util = () => ({ format: P.format });

// As Go's scripts have it: %s, %d, %j and %%, and what is left over after a space.
P.format ??= (template = "", ...values) => {
    let next = 0;
    const told = String(template).replace(/%[sdj%]/g, (mark) => {
        if (mark === "%%") return "%";
        if (next >= values.length) return mark;
        const value = values[next++];
        return mark === "%s" ? String(value) : mark === "%d" ? String(Number(value)) : String(JSON.stringify(value));
    });
    return [told, ...values.slice(next).map(String)].join(" ");
};

function builtin(name) {
    let exports = fromBuiltins.get(name);
    if (exports === undefined && P.builtins[name] !== undefined) {
        exports = P.builtins[name]();
        fromBuiltins.set(name, exports);
    }
    return exports;
}

function run(path, source) {
    const module = { exports: {} };
    modules.set(path, module);
    let complete = false;
    try {
        if (path.endsWith(".json")) module.exports = JSON.parse(source);
        else {
            const at = path.lastIndexOf("/");
            const folder = path.slice(0, at) || "/";
            compile(path, source).call(module.exports, module.exports, requireIn(folder), module, path, folder);
        }
        complete = true;
    } finally {
        if (!complete) modules.delete(path);
    }
    return module.exports;
}

function compile(path, source) {
    try {
        return P.evaluate(HEAD, source, "\n})", path, 1, 1);
    } catch (error) {
        const place = P.place(error.stack);
        throw P.goError(`SyntaxError: ${path}: Line ${place?.line ?? 1}:${place?.column ?? 1} ${error.message}`, error);
    }
}

function requireIn(folder) {
    return function require(name) {
        const id = name === undefined || name === null ? "" : String(name);
        const own = builtin(id.startsWith(NODE) ? id.slice(NODE.length) : id);
        if (own !== undefined) return own;
        if (id.startsWith(NODE)) throw P.goError("No such built-in module");
        const key = `${folder}\n${id}`;
        let path = known.get(key);
        let module = modules.get(path);
        if (module !== undefined) return module.exports;
        let source;
        [path, source] = P.host("require", folder, id);
        known.set(key, path);
        module = modules.get(path);
        return module === undefined ? run(path, source) : module.exports;
    };
}

G.require = requireIn("");
G.__hooks = "/pb_hooks";
