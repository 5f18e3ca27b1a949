// Events: `e` of every `on…` hook; `worker.hooks.eventparts` draws how its members cross the line.
//
// A handler gets an object of its own. What it sets on it, and what it changes in the things that it finds there, is told
// to the host with `e.next()` and at its end; what the host has changed meanwhile comes back with the answer. Where
// `e.next()` is a handler's last word (endings.js), the host hears of both in one.

const { defineProperty, keys } = Object;
const { stringify } = JSON;

// -- the context of a change ----------------------------------------------------------------------------------------------

class Background {
    done() { return null; }
    err() { return null; }
    deadline() { return [new G.DateTime(), false]; }
    value() { return null; }
    string() { return "context.Background"; }
    toString() { return "context.Background"; }
    toJSON() { return {}; }
}
P.hideMethods(Background);
const background = new Background();

// -- members --------------------------------------------------------------------------------------------------------------
// Each: of(wire, e, name) → a value; seen(value) → what a change is told by; wire(value, seen) → what the host is told, or
// undefined for nothing new. Those without `wire` are the script's own.

const sameItems = (list, seen) => list.length === seen.length && list.every((each, at) => each === seen[at]);
const itself = (value) => value;
const listOf = (value) => (Array.isArray(value) ? value : []);

const value = { of: itself, seen: itself, wire: (now, seen) => (now === seen ? undefined : now) };
const textual = { of: itself, seen: itself, wire: (now, seen) => (now === seen ? undefined : P.goText(now)) };
const json = {
    of: (wire) => wire ?? null,
    seen: (now) => stringify(now ?? null),
    wire(now, seen) {
        const text = P.marshal(now ?? null);
        return text === seen || stringify(now ?? null) === seen ? undefined : JSON.parse(text);
    },
};

function recordWire(record) {
    if (record === null || record === undefined) return null;
    if (!P.isRecord(record)) throw new TypeError(`Go struct conversion error: could not convert ${String(record)} to core.Record`);
    return P.lend(record);
}
const record = {
    of: (wire) => (wire === null ? null : P.recordIn(wire)),
    seen: itself,
    wire: (now, seen) => (now === seen ? undefined : recordWire(now)),
};
const records = {
    of: (wire) => wire.map(P.recordIn),
    seen: (list) => listOf(list).slice(),
    wire: (now, seen) => (sameItems(listOf(now), seen) ? undefined : listOf(now).map(recordWire)),
};

const collectionText = (c) => stringify(P.collectionWire(c).def);
const collection = {
    of(wire, e, name) {
        if (wire === null) return null;
        const known = e[name];
        return P.isCollection(known) ? P.collectionTold(known, wire.def, wire.new) : P.collectionOf(wire.def, wire.new);
    },
    seen: (c) => (c === null ? null : { c, text: collectionText(c) }),
    wire(now, seen) {
        if (now === null || now === undefined) return seen === null ? undefined : null;
        if (!P.isCollection(now)) throw new TypeError(`Go struct conversion error: could not convert ${String(now)} to core.Collection`);
        return seen !== null && seen.c === now && seen.text === collectionText(now) ? undefined : P.collectionWire(now);
    },
};
const collections = { of: (wire) => wire.map((each) => P.collectionOf(each.def, each.new)), seen: itself };

const settingsText = (settings) => stringify(P.settingsWire(settings));
const settings = {
    of(tree, e, name) {
        const known = e[name];
        if (known === undefined || known === null) return P.settingsOf(tree);
        P.settingsTold(known, tree);
        return known;
    },
    seen: settingsText,
    wire(now, seen) {
        const text = settingsText(now);
        return text === seen ? undefined : JSON.parse(text);
    },
};

const MODELS = { r: record, c: collection, s: settings };
const model = {
    of(wire, e, name) {
        const [kind] = keys(wire);
        return MODELS[kind].of(wire[kind], e, name);
    },
    seen(now) {
        const kind = P.isRecord(now) ? "r" : P.isCollection(now) ? "c" : "s";
        return { kind, seen: MODELS[kind].seen(now) };
    },
    wire(now, { kind, seen }) {
        const told = kind === "r" ? undefined : MODELS[kind].wire(now, seen);
        return told === undefined ? undefined : { [kind]: told };
    },
};

// The page of a list; its items are those of the event at first.
const PAGE = ["page", "perPage", "totalItems", "totalPages"];
class Result {
    constructor(wire, items) {
        this.items = items;
        for (const name of PAGE) this[name] = wire[name];
    }
}
const itemWire = (item) => (P.isRecord(item) ? { r: recordWire(item) } : { j: JSON.parse(P.marshal(item ?? null)) });
const result = {
    of: (wire, e) => (wire === null ? null : new Result(wire, (e.records ?? e.collections).slice())),
    seen: (now) => (now === null ? null : { page: stringify(PAGE.map((name) => now[name])), items: listOf(now.items).slice() }),
    wire(now, seen) {
        if (now === null || now === undefined) return seen === null ? undefined : null;
        const items = now.items === undefined ? seen?.items ?? [] : listOf(now.items);
        const same = seen !== null && sameItems(items, seen.items);
        if (same && seen.page === stringify(PAGE.map((name) => now[name]))) return undefined;
        const out = {};
        // what is not said stays
        for (const name of PAGE) if (now[name] !== undefined) out[name] = P.cast.int(now[name]);
        if (!same) out.items = items.map(itemWire);
        return out;
    },
};

// What is underneath an error, as the real one's events have it.
const error = {
    of(wire) {
        if (wire === null) return null;
        const thrown = P.errorIn(wire);
        return thrown instanceof P.GoError ? thrown.value : thrown;
    },
    seen: itself,
};

let infos = new Map();
const requestInfo = {
    of(wire) {
        if (wire.first) infos = new Map();
        let info = infos.get(wire.i);
        if (info === undefined) {
            info = new P.RequestInfo({ ...wire, auth: wire.auth === null ? null : P.recordIn(wire.auth) });
            infos.set(wire.i, info);
        }
        return info;
    },
    seen: itself,
};

const PARTS = {
    record, records, model, collections, result, error, settings, requestInfo,
    oldSettings: settings, newSettings: settings, batch: json, collectionsData: json, deleteMissing: value,
    identity: textual, identityField: textual, password: textual, token: textual, authMethod: textual, meta: json,
    isRestart: value,
};

// -- the events -----------------------------------------------------------------------------------------------------------

const STATE = Symbol("state");

function advance(e) {
    const state = e[STATE];
    if (state.ends) {
        state.goesOn = true;
        return;
    }
    const answer = P.host("next", state.n, changesOf(e), P.appNumber());
    if (answer === 0) return;
    if (answer.p !== undefined) fill(e, answer.p);
    if (answer.w !== undefined) P.nativeWritten(e.$request, answer.w);
}

// A request's event has the id of its collection; one of a collection's is about the collection itself.
function fill(e, parts) {
    const { seen } = e[STATE];
    for (const name of keys(parts)) {
        const wire = parts[name];
        const part = name === "collection" ? (typeof wire === "string" ? undefined : collection) : PARTS[name];
        if (part === undefined) {
            e[STATE].collection = wire;
            continue;
        }
        const now = part.of(wire, e, name);
        e[name] = now;
        if (part.wire !== undefined) seen.set(name, { part, seen: part.seen(now) });
    }
}

function changesOf(e) {
    let changes = 0;
    for (const [name, each] of e[STATE].seen) {
        const now = e[name];
        const told = each.part.wire(now, each.seen);
        if (told === undefined) continue;
        if (changes === 0) changes = {};
        changes[name] = told;
        each.seen = each.part.seen(now);
    }
    return changes;
}

const tagsOf = (e) => {
    const about = e.record ?? e.model;
    if (e.collection) return [e.collection.id, e.collection.name];
    if (P.isRecord(about)) {
        const own = about.collection();
        return [own.name, own.id];
    }
    return about ? [about.tableName()] : [];
};

class HookEvent {
    constructor(app) {
        this.app = app;
    }

    get event() { return this; }

    next() { return advance(this); }
    tags() { return tagsOf(this); }
    toJSON() { return {}; }
}
P.hideMethods(HookEvent);

class RequestHookEvent extends P.RequestEvent {
    #collection;
    #inner;

    constructor(request, app) {
        super(request, app, advance);
    }

    // The typings have the two here; in the real one only the event underneath has them.
    get request() { return undefined; }
    get response() { return undefined; }
    get requestEvent() { return (this.#inner ??= new P.RequestEvent(this.$request, this.app, () => this.next())); }

    get collection() {
        if (this.#collection === undefined) {
            const { collection: id } = this[STATE];
            this.#collection = id === undefined || id === null ? null : P.collection(id);
        }
        return this.#collection;
    }

    set collection(other) { this.#collection = other; }

    tags() { return tagsOf(this); }
}
P.hideMethods(RequestHookEvent);

// Which change a model's event is about, by its name.
const types = new Map();
function typeOf(name) {
    let type = types.get(name);
    if (type === undefined) {
        const found = /^on(?:Record|Collection|Model)(?:After)?(Create|Update|Delete|Validate)(?:Execute|Success|Error)?$/.exec(name);
        type = found === null ? null : found[1].toLowerCase();
        types.set(name, type);
    }
    return type;
}

function made(order) {
    const app = P.app(order.a);
    const e = order.q === undefined ? new HookEvent(app) : new RequestHookEvent(P.requestOf(order.q), app);
    const ends = order.l !== undefined && P.endsWithNext(P.handler(order.h));
    defineProperty(e, STATE, { value: { n: order.n, seen: new Map(), collection: undefined, ends, goesOn: false } });
    // one of a collection's own has it as a member
    if (order.q !== undefined && typeof order.p.collection === "object") {
        defineProperty(e, "collection", { value: undefined, writable: true, enumerable: true, configurable: true });
    }
    fill(e, order.p);
    const type = typeOf(order.t);
    if (type !== null) {
        e.context = background;
        e.type = type;
    }
    return e;
}

function handled(order, e) {
    const outcome = P.settle(P.handler(order.h)(e));
    if (P.isGoError(outcome)) throw outcome;
}

P.on("event", (order) => P.withApp(order.a, () => {
    const e = made(order);
    const request = e.$request;
    if (request === undefined) handled(order, e);
    else {
        // what it writes goes out at once, so that it stands before what the server's own route has to say, or behind
        const outer = request.native;
        request.native = true;
        try {
            P.runGuarded(e, () => handled(order, e));
        } finally {
            request.native = outer;
        }
    }
    const changes = changesOf(e);
    // what was to be run by its last word is left to the host
    return e[STATE].goesOn ? [changes] : changes;
}));
