// Loading: what exists while a tenant's files are run once, how their handlers are kept, and how they are found again.
//
//   P.on("load", {kind, files})    runs `files` [{path, source}] one after another; kind "hooks" or "migrations". What
//                                  they register comes back, or the first failure: {file, line, column, message, stack}
//   P.handler(number)              a handler as a function, compiled on its first use from what the host keeps of it
//   P.compile(source, file, line, column)   a handler's source as a function
//   P.evaluate(head, text, tail, file, line, column)   compile and run `text`, which stands there in the file
//   P.native(value, name, ...args) marks a function as one of the server's own: as a route's handler or middleware it
//                                  reaches the host as its name and arguments, and no script runs for it
//   P.trace(stack)                 a stack of the engine's with the tenant's files and lines, without the prelude's frames
//   P.place(stack)                 its innermost place in the tenant's files: {file, line, column}, or undefined
//
// As in the real one files are sloppy scripts that share their globals, handlers are strict and see nothing of their
// file, and what a file registers is refused beyond any `catch` of its own where it can't be compiled.

const indirect = G.eval;
const { defineProperty } = Object;
const RawError = Error;

// -- where code is from -------------------------------------------------------------------------------------------------
// The engine knows all code that is compiled at run time by one name, so each piece gets lines of its own: it is
// compiled behind as many line breaks as there were lines before it.

// Code that scripts compile themselves (`new Function`) has the lines below.
const FIRST_LINE = 1001;
const FRAME = /^ {4}at (?:(.*) \()?<input>:(\d+):(\d+)\)?$/;
const PRELUDE = "<dukpy>:";
const EVALUATION = "    at eval (native)";

const pieces = []; // {from, to, file, line, column, text}: lines from…to - 1 are the file's from `line` on
let lines = FIRST_LINE;

function countLines(text) {
    let count = 1;
    for (let at = text.indexOf("\n"); at >= 0; at = text.indexOf("\n", at + 1)) count++;
    return count;
}

// Compile and run; `head` stands before the line breaks.
function evaluate(head, text, tail, file, line, column) {
    const from = lines;
    lines += countLines(text) + 1;
    pieces.push({ from, to: lines, file, line, column, text });
    return indirect(head + "\n".repeat(from - 1) + text + tail);
}

P.evaluate = evaluate;

function placeOf(line, column) {
    let low = 0;
    let high = pieces.length - 1;
    while (low <= high) {
        const middle = (low + high) >> 1;
        const piece = pieces[middle];
        if (line < piece.from) high = middle - 1;
        else if (line >= piece.to) low = middle + 1;
        else {
            const first = line === piece.from;
            return { file: piece.file, line: piece.line + line - piece.from, column: first ? column + piece.column - 1 : column, piece };
        }
    }
    return undefined;
}

P.place = (stack) => {
    for (const frame of String(stack || "").split("\n")) {
        const found = FRAME.exec(frame);
        const place = found === null ? undefined : placeOf(Number(found[2]), Number(found[3]));
        if (place !== undefined) return place;
    }
    return undefined;
};

P.trace = (stack) => {
    const told = [];
    for (const frame of String(stack || "").split("\n")) {
        if (frame === "" || frame === EVALUATION || frame.includes(PRELUDE)) continue;
        const found = FRAME.exec(frame);
        const place = found === null ? undefined : placeOf(Number(found[2]), Number(found[3]));
        if (place === undefined) {
            told.push(frame);
            continue;
        }
        const at = `${place.file}:${place.line}:${place.column}`;
        told.push(found[1] === undefined || found[1] === "<eval>" ? `    at ${at}` : `    at ${found[1]} (${at})`);
    }
    return told.join("\n");
};

// -- handlers -----------------------------------------------------------------------------------------------------------

const STRICT = '"use strict";(';
const CHECK = '"use strict";()=>(';
const compiled = new Map();

P.compile = (source, file, line, column) => evaluate(STRICT, source, "\n)", file, line, column);

P.handler = (number) => {
    let fn = compiled.get(number);
    if (fn === undefined) {
        const { source, file, line, column } = P.host("handler", number);
        fn = P.compile(source, file, line, column);
        compiled.set(number, fn);
    }
    return fn;
};

// -- loading ------------------------------------------------------------------------------------------------------------

const TAGGED = [
    ...["Model", "Record", "Collection"].flatMap((noun) => [
        `on${noun}Validate`,
        ...["Create", "Update", "Delete"].flatMap((kind) => [
            `on${noun}${kind}`,
            `on${noun}${kind}Execute`,
            `on${noun}After${kind}Success`,
            `on${noun}After${kind}Error`,
        ]),
    ]),
    ...["Create", "Update", "Delete", "View", "Auth", "AuthRefresh", "AuthWithOAuth2", "AuthWithOTP", "AuthWithPassword",
        "ConfirmEmailChange", "ConfirmPasswordReset", "ConfirmVerification", "RequestEmailChange", "RequestOTP",
        "RequestPasswordReset", "RequestVerification"].map((name) => `onRecord${name}Request`),
    ...["AuthAlert", "EmailChange", "OTP", "PasswordReset", "Verification"].map((name) => `onMailerRecord${name}Send`),
    "onRecordEnrich", "onRecordsListRequest", "onFileDownloadRequest", "onFileTokenRequest",
];
const TAGLESS = [
    "onBackupCreate", "onBackupRestore", "onBatchRequest", "onBootstrap", "onBootstrapClear", "onMailerSend",
    ...["Create", "Update", "Delete", "View"].map((name) => `onCollection${name}Request`),
    "onCollectionsImportRequest", "onCollectionsListRequest", "onRealtimeConnectRequest", "onRealtimeMessageSend",
    "onRealtimeSubscribeRequest", "onSettingsListRequest", "onSettingsReload", "onSettingsUpdateRequest", "onTerminate",
];
P.eventNames = [...TAGGED, ...TAGLESS];

const natives = new WeakMap();
let loading; // what has been registered, and the failure that no `catch` hides
let file = "";

P.native = (value, name, ...args) => {
    natives.set(value, { name, args });
    return value;
};

// A refusal: the file has failed, even if it catches this.
function refuse(error) {
    if (loading !== undefined) loading.failure ??= error;
    return error;
}

// What a script's handler is kept as: its source, and where that stands.
function kept(value, what) {
    const source = value === undefined || value === null ? "" : String(value);
    try {
        if (source.trim() === "") throw new SyntaxError("a handler is missing");
        indirect(CHECK + source + "\n)");
    } catch (error) {
        throw refuse(new SyntaxError(`${what}: the handler can't stand alone: ${error.message}`));
    }
    return { source, ...standsAt(source) };
}

// A handler is looked for from the call that registers it on, then in all of the files.
function standsAt(source) {
    const call = P.place(new RawError().stack) ?? { file, line: 1, column: 1 };
    const from = call.piece;
    const candidates = from === undefined ? pieces : [from, ...pieces];
    for (const piece of candidates) {
        const start = piece === from ? offsetOf(piece.text, call.line - piece.line) : 0;
        let at = piece.text.indexOf(source, start);
        if (at < 0 && start > 0) at = piece.text.indexOf(source);
        if (at < 0) continue;
        const before = piece.text.slice(0, at);
        const line = countLines(before) - 1;
        const column = at - before.lastIndexOf("\n");
        return { file: piece.file, line: piece.line + line, column: line === 0 ? column + piece.column - 1 : column };
    }
    return { file: call.file, line: call.line, column: call.column };
}

function offsetOf(text, line) {
    let at = 0;
    for (; line > 0 && at >= 0; line--) at = text.indexOf("\n", at) + 1 || text.length;
    return at;
}

function add(handler) {
    return loading.handlers.push(handler) - 1;
}

function on(event, handler, tags, tagged) {
    if (!tagged && tags.length > 0) throw refuse(new TypeError("reflect: Call with too many input arguments"));
    add({ event, tags: tags.map(String), ...kept(handler, event) });
}

// A route's handler or middleware: {handler, native, args, id, priority}; undefined for what is none.
function step(value, what) {
    if (P.Middleware !== undefined && value instanceof P.Middleware) {
        return { ...step(value.func, what), id: String(value.id ?? ""), priority: Math.trunc(Number(value.priority)) || 0 };
    }
    const own = typeof value === "function" || (typeof value === "object" && value !== null) ? natives.get(value) : undefined;
    if (own !== undefined) {
        const { id, priority } = typeof value === "object" ? value : {};
        return { native: own.name, args: own.args, id: String(id ?? ""), priority: Math.trunc(Number(priority)) || 0 };
    }
    if (typeof value !== "function" && typeof value !== "string") return undefined;
    return { handler: add(kept(value, what)) };
}

function steps(values, what) {
    return values.map((value) => {
        const found = step(value, what);
        if (found === undefined) throw refuse(P.goError(`[${what}] failed to wrap middlewares: unsupported goja middleware type`));
        return found;
    });
}

const WHILE_LOADING = {
    routerAdd(method, path, handler, ...middlewares) {
        if (handler === undefined || handler === null) {
            throw refuse(P.goError("[routerAdd] failed to wrap handler: handler must be non-nil"));
        }
        const place = standsAt("");
        const action = step(handler, "routerAdd");
        if (action === undefined) throw refuse(P.goError("[routerAdd] failed to wrap handler: unsupported goja handler type"));
        loading.routes.push({
            method: String(method ?? "").toUpperCase(),
            path: String(path ?? ""),
            action,
            middlewares: steps(middlewares, "routerAdd"),
            file: place.file,
            line: place.line,
        });
    },
    routerUse(...middlewares) {
        loading.uses.push(...steps(middlewares, "routerUse"));
    },
};

// Jobs may come and go while handlers run, too: `P.cronAdd` and `P.cronRemove` are for that.
G.cronAdd = function cronAdd(id, expression, handler) {
    const job = { id: String(id ?? ""), expression: String(expression ?? "") };
    const handled = kept(handler, "cronAdd");
    if (loading === undefined) return void P.cronAdd({ ...job, ...handled });
    loading.crons = loading.crons.filter((each) => each.id !== job.id);
    loading.crons.push({ ...job, handler: add(handled) });
};
G.cronRemove = function cronRemove(id) {
    const name = String(id ?? "");
    if (loading === undefined) return void P.cronRemove(name);
    loading.crons = loading.crons.filter((job) => job.id !== name);
};

// A migration sees its file, so it stays what it is, and is run by the child that has loaded it: file → {up, down}.
// Only the first one of a file counts.
P.migrations = new Map();

function direction(value, number) {
    if (value === undefined || value === null || typeof value === "function") return value ?? undefined;
    const told = `could not convert function call parameter ${number}: could not convert ${value} to func(core.App) error`;
    throw new TypeError(told);
}

const WHILE_MIGRATING = {
    migrate(up, down) {
        const found = { up: direction(up, 0), down: direction(down, 1) };
        if (P.migrations.has(file)) return;
        P.migrations.set(file, found);
        loading.migrations.push({ file, up: found.up !== undefined, down: found.down !== undefined });
    },
};

function expose(members) {
    for (const name of Object.keys(members)) {
        defineProperty(G, name, { value: members[name], writable: true, enumerable: true, configurable: true });
    }
}

function hide(members) {
    for (const name of Object.keys(members)) delete G[name];
}

function membersOf(kind) {
    if (kind === "migrations") return WHILE_MIGRATING;
    const members = { ...WHILE_LOADING };
    for (const name of TAGGED) members[name] = { [name](handler, ...tags) { on(name, handler, tags, true); } }[name];
    for (const name of TAGLESS) members[name] = { [name](handler, ...tags) { on(name, handler, tags, false); } }[name];
    return members;
}

function failureOf(error) {
    const stack = P.stackOf(error);
    const place = P.place(stack);
    let message;
    try {
        message = String(error);
    } catch {
        message = "an error that can't be told";
    }
    return { file: place?.file ?? file, line: place?.line ?? 0, column: place?.column ?? 0, message, stack: P.trace(stack) };
}

P.on("load", ({ kind, files }) => {
    const members = membersOf(kind);
    loading = { handlers: [], routes: [], uses: [], crons: [], migrations: [], failure: undefined };
    expose(members);
    try {
        for (const each of files) {
            file = each.path;
            const source = each.source.charCodeAt(0) === 0xfeff ? each.source.slice(1) : each.source;
            // one that begins with #! has no line before it
            const shebang = source.startsWith("#!");
            evaluate("", shebang ? `//${source}` : source, "", file, 1, 1);
            P.settle(Promise.resolve()); // what it has left to its promises
            if (loading.failure !== undefined) throw loading.failure;
        }
        const { failure, ...registered } = loading;
        return registered;
    } catch (error) {
        return { error: failureOf(loading.failure ?? error) };
    } finally {
        hide(members);
        loading = undefined;
    }
});
