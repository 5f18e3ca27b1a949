// The pump: how the sandbox talks to its host, and how the host has things run in it.
//
//   P.host(op, ...args)      ask the host; its value, or a throw of its error
//   P.on(name, fn)           what the host may have run: fn(data) → a value, or a promise of one
//   P.loop()                 the child's whole life after its prelude
//   P.seed()                 four words of the kernel's random bits
//   P.settle(value)          a promise's outcome, however long that takes (jobs, timers); other values as they are
//   P.errorOut(x) / P.errorIn(e)   an exception as JSON for the host, and back (error.js replaces them)
//   P.flush() / P.sync(list) the changes of objects that both sides hold (record.js replaces them)
//
// Everything that scripts could replace later is taken here first. A script that breaks its own realm hurts nobody else.

const call = G.call_python;
const { freeze, defineProperty } = Object;
const DEPTH_MAX = 32;
const NESTED = "hooks are nested too deep";

// dukpy puts these back at each evaluation
for (const name of ["call_python", "dukpy"]) {
    defineProperty(G, name, { get() { return undefined; }, set() {}, configurable: false, enumerable: false });
}

// the engine would tell a script which functions have called it: those of the pump's are none of its business
Error.prepareStackTrace = (_, sites) => sites;
delete Object.getPrototypeOf(new Error().stack[0]).getFunction;
Error.prepareStackTrace = undefined;

const runs = new Map();
const { get: runOf } = Map.prototype;
let depth = 0;

P.on = (name, fn) => { runs.set(name, fn); };
P.seed = () => call("$random");
P.flush = () => 0;
P.sync = () => {};
P.catalogChanged = () => {};
P.errorOut = (x) => ({ kind: "js", message: String((x && x.message) || x), stack: String((x && x.stack) || "") });
P.errorIn = (e) => new Error(e.message);

P.host = (op, ...args) => {
    let answer = call(op, P.flush(), ...args);
    while (answer.n !== undefined) answer = tell(run(answer));
    if (answer.c !== undefined) P.catalogChanged();
    if (answer.s !== undefined) P.sync(answer.s);
    if (answer.e !== undefined) throw P.errorIn(answer.e);
    return answer.v;
};

function run(order) {
    if (order.c !== undefined) P.catalogChanged();
    if (order.s !== undefined) P.sync(order.s);
    if (depth >= DEPTH_MAX) return { e: P.errorOut(new RangeError(NESTED)) };
    depth++;
    try {
        const fn = runOf.call(runs, order.n);
        if (fn === undefined) throw new TypeError("the host asked for " + order.n);
        return { v: P.settle(fn(order.d)) };
    } catch (x) {
        return { e: P.errorOut(x) };
    } finally {
        depth--;
    }
}

// A value that is no JSON, or too much of it, has not been sent: the host gets the error instead.
function tell(result) {
    try {
        return call("$r", P.flush(), result);
    } catch (x) {
        return call("$r", 0, { e: P.errorOut(x) });
    }
}

P.loop = () => {
    let order = call("$ready", 0);
    for (;;) order = tell(run(order));
};

// -- promises and timers ------------------------------------------------------------------------------------------------
// The engine runs jobs only when an evaluation ends; `$drain` is one inside of the running one. Timers belong to the
// event in which they were set: what is left of them when its handler is done never fires.

let timers = [];
let timerIds = 0;

P.settle = (value) => {
    if (value === null || typeof value !== "object" || typeof value.then !== "function") return value;
    let state = 0;
    let outcome;
    const outer = timers;
    timers = outer.slice();
    try {
        Promise.resolve(value).then((v) => { state = 1; outcome = v; }, (x) => { state = 2; outcome = x; });
        for (;;) {
            call("$drain");
            if (state !== 0) break;
            if (!fire()) throw new Error("the handler's promise is never settled");
        }
    } finally {
        timers = outer;
    }
    if (state === 2) throw outcome;
    return outcome;
};

function fire() {
    if (timers.length === 0) return false;
    let next = timers[0];
    for (const timer of timers) if (timer.at < next.at) next = timer;
    const wait = next.at - Date.now();
    if (wait > 0) P.host("sleep", wait);
    if (next.every === undefined) timers.splice(timers.indexOf(next), 1);
    else next.at = Date.now() + next.every;
    next.fn(...next.args);
    return true;
}

function timer(fn, ms, args, repeats) {
    if (typeof fn !== "function") throw new TypeError("a timer needs a function");
    const wait = Math.max(repeats ? 1 : 0, Number(ms) || 0);
    timers.push({ id: ++timerIds, at: Date.now() + wait, every: repeats ? wait : undefined, fn, args });
    return timerIds;
}

G.setTimeout = (fn, ms, ...args) => timer(fn, ms, args, false);
G.setInterval = (fn, ms, ...args) => timer(fn, ms, args, true);
G.setImmediate = (fn, ...args) => timer(fn, 0, args, false);
G.clearTimeout = G.clearInterval = G.clearImmediate = (id) => {
    const at = timers.findIndex((timer) => timer.id === id);
    if (at >= 0) timers.splice(at, 1);
};

// -- the end of the prelude ---------------------------------------------------------------------------------------------

// Who evaluates it at the outset finds the loop; what runs inside of it does not.
P.seal = () => { defineProperty(G, "__pocker_loop", { get: () => (depth === 0 ? P.loop : undefined) }); };
