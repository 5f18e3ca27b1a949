// Records over the line; `worker.hooks.shared` draws their form.
//
//   P.recordIn(wire)       a Record of the host's; the one object of a shared one
//   P.recordsIn(wire)      Records of rows of one collection: [its id, rows]
//   P.recordOut(record)    a record for the host: its handle where it is shared
//   P.lent(record, fn)     fn(wire) with a wire that names a handle of ours while it runs, so that handlers of events that
//                          the host triggers meanwhile get the very object. The host tells with its answer what it has
//                          changed, or fn answers it
//   P.lend(record)         a record for the host, with a handle of ours if it has none: both hold it from then on
//   P.flush() P.sync(s)    what either side has changed on shared records, with every call and answer

const { isArray } = Array;
const { keys } = Object;
const state = P.recordState;
const changed = P.recordChanges;

let byHandle = new Map();
let lentLast = 0;

// -- from the host ----------------------------------------------------------------------------------------------------------

const relatedIn = (wire) => (isArray(wire) && typeof wire[0] !== "string" ? P.relatedList(wire.map(relatedIn)) : wire.j !== undefined ? wire.j : P.recordIn(wire));

function expandIn(wire) {
    const expand = {};
    for (const name of keys(wire)) expand[name] = relatedIn(wire[name]);
    return expand;
}

function viewIn(s, view) {
    const { shown = {}, extra = {} } = view;
    s.shown = keys(shown).length === 0 ? null : new Map(Object.entries(shown));
    s.extra = keys(extra).length === 0 ? null : new Map(Object.entries(extra));
    s.custom = view.custom === true;
    s.emailShown = view.email === true;
}

// A value of the host's; one of a password that is not stored yet is an object.
const valueIn = (field, raw) => (field.type === "password" && raw !== null && typeof raw === "object" ? new P.PlainPassword(raw.p) : raw);

function rowIn(schema, row) {
    if (!schema.isAuth && !schema.hasPassword) return row;
    for (const field of schema.fields) if (field.type === "password") row[field.position] = valueIn(field, row[field.position]);
    return row;
}

// A row that differs from another one in the values that are named.
function differing(schema, row, values) {
    const other = row.slice();
    for (const name of keys(values)) {
        const at = schema.at.get(name);
        other[at] = valueIn(schema.fields[at], values[name]);
    }
    return other;
}

P.recordsIn = ([id, rows]) => {
    if (rows.length === 0) return rows;
    const schema = P.schemaOf(id);
    for (let at = 0; at < rows.length; at++) rows[at] = P.recordFrom(schema, rows[at]);
    return rows;
};

P.recordIn = (wire) => {
    if (isArray(wire)) return P.recordFrom(P.schemaOf(wire[0]), wire[1]);
    const { h = 0 } = wire;
    if (wire.c === undefined) {
        const known = byHandle.get(h);
        if (known === undefined) throw new TypeError("the host told of a record that is not there");
        return known;
    }
    const schema = P.schemaOf(wire.c);
    const row = rowIn(schema, wire.r);
    const record = P.recordFrom(schema, row);
    const s = state(record);
    if (wire.o !== undefined) s.o = s.t = wire.o === null ? null : differing(schema, row, wire.o);
    if (wire.t !== undefined) s.t = wire.t === 1 ? row : wire.t === null ? null : rowIn(schema, wire.t);
    s.fresh = s.t === null;
    s.pk = s.fresh ? "" : P.keyOfRow(schema, s.t);
    if (wire.x !== undefined) {
        s.expand = expandIn(wire.x);
        P.expandedBelow(s);
    }
    if (wire.v !== undefined) viewIn(s, wire.v);
    if (h !== 0) {
        s.h = h;
        byHandle.set(h, record);
    }
    return record;
};

// What the host has changed on a record.
function told(s, change) {
    const { schema } = s;
    if (change.d !== undefined) {
        if (s.d === s.o || s.d === s.t) s.d = s.d.slice();
        for (const name of keys(change.d)) {
            const at = schema.at.get(name);
            if (at !== undefined) s.d[at] = valueIn(schema.fields[at], change.d[name]);
        }
    }
    if (change.t === null) {
        s.t = null;
        s.fresh = true;
    } else if (change.t !== undefined) {
        s.t = change.t === 1 ? s.d : rowIn(schema, change.t);
        s.fresh = false;
        s.pk = P.keyOfRow(schema, s.t);
    }
    if (change.x !== undefined) {
        s.expand = expandIn(change.x);
        P.expandedBelow(s);
    }
    if (change.v !== undefined) viewIn(s, change.v);
}

P.sync = ({ z, r, u }) => {
    if (z !== undefined) {
        if (byHandle.size > 0) {
            for (const record of byHandle.values()) state(record).h = 0;
            byHandle = new Map();
        }
        if (changed.length > 0) for (const s of changed.splice(0)) [s.dirty, s.view] = [null, false];
    }
    if (r !== undefined) for (const [h, change] of r) if (byHandle.has(h)) told(state(byHandle.get(h)), change);
    if (u !== undefined) for (const h of u) over(h);
};

function over(h) {
    const record = byHandle.get(h);
    if (record === undefined) return;
    state(record).h = 0;
    byHandle.delete(h);
}

// -- for the host -------------------------------------------------------------------------------------------------------------

const relatedOut = (value) => (isArray(value) ? value.map(relatedOut) : P.isRecord(value) ? P.recordOut(value) : { j: plain(value) });

function plain(value) {
    try { return JSON.parse(P.marshal(value)); } catch { return null; }
}

function expandOut(expand) {
    const out = {};
    for (const name of keys(expand)) out[name] = relatedOut(expand[name]);
    return out;
}

const hasView = (s) => s.shown !== null || s.custom || s.emailShown || s.extra !== null;

const viewOut = (s) => ({
    shown: s.shown === null ? {} : Object.fromEntries(s.shown),
    extra: s.extra === null ? {} : Object.fromEntries([...s.extra].map(([name, value]) => [name, plain(value)])),
    custom: s.custom,
    email: s.emailShown,
});

function whole(s) {
    const { schema, d, t, fresh } = s;
    const stored = fresh ? null : {};
    const now = {};
    for (const field of schema.fields) {
        const at = field.position;
        if (fresh) now[field.name] = P.values.out(field, d[at]);
        else {
            // one that was never read is stored as it is
            stored[field.name] = P.values.out(field, t === null ? d[at] : t[at]);
            if (t !== null && t[at] !== d[at]) now[field.name] = P.values.out(field, d[at]);
        }
    }
    const wire = { c: schema.id, t: stored, d: now };
    if (s.expand !== null) wire.x = expandOut(s.expand);
    if (hasView(s)) wire.v = viewOut(s);
    return wire;
}

P.recordOut = (record) => {
    const s = state(record);
    return s.h !== 0 ? s.h : whole(s);
};

// As a record for the host, which holds it as well from then on, until it says that it is over.
P.lend = (record) => {
    const s = state(record);
    if (s.h !== 0) return s.h;
    const h = --lentLast;
    const wire = whole(s);
    wire.j = h;
    s.h = h;
    byHandle.set(h, record);
    return wire;
};

P.lent = (record, fn) => {
    const s = state(record);
    if (s.h !== 0) {
        fn(s.h);
        return;
    }
    const h = --lentLast;
    const wire = whole(s);
    wire.j = h;
    s.h = h;
    byHandle.set(h, record);
    try {
        const change = fn(wire);
        if (change) told(s, change);
    } finally {
        over(h);
    }
};

P.flush = () => {
    if (changed.length === 0) return 0;
    const out = [];
    for (const s of changed.splice(0)) {
        const { dirty, view } = s;
        s.dirty = null;
        s.view = false;
        if (s.h === 0) continue;
        const change = {};
        if (dirty !== null) {
            change.d = {};
            for (const at of dirty) change.d[s.schema.fields[at].name] = P.values.out(s.schema.fields[at], s.d[at]);
        }
        if (view) {
            if (s.expand !== null) change.x = expandOut(s.expand);
            change.v = viewOut(s);
            if (s.fresh !== (s.t === null)) {
                change.t = s.fresh ? null : 1;
                s.t = s.fresh ? null : s.d;
            }
        }
        out.push([s.h, change]);
    }
    return out;
};
