// Record: one record in a script's hands. Its methods are in recordmethods.js, what others see of it in recordshown.js.
//
//   P.isRecord(x)
//   P.recordIn(wire)           a Record from the host: [collection id, row] as it was read, or the object form of
//                              `worker.hooks.shared`, whose handle leads to the one Record object of a shared record
//   P.recordOut(record)        … for the host, in the same form: by its handle where it is shared
//   P.recordState(record)      what is inside, for the prelude's other files
//   P.loadRow(record, id, row) what Q's queries fill a `new Record` with
//
// State: schema; d: values by position (see recordvalues.js), one array with o and t until the first change; o: those it
// was loaded with, which `original()` shows, null for a new one; t: those that are stored; fresh: whether it is to be
// inserted; pk: its key when it was last stored; extra: what is no field's; expand; shown: names hidden (false) or shown (true); custom, emailShown, onlyChanged:
// flags; h: handle of a shared one; dirty: positions changed since the host was told, and view: whether that of the rest;
// up: the state of a record in whose expand it is; collection: the Collection it was made with.

const { preventExtensions, keys, hasOwn, assign } = Object;
const { isArray } = Array;
const { cast } = P;
const EXPAND = "expand";

// Says that the state is there already.
const MADE = {};
let stateOf;
let isRecord;

class Record {
    #s;

    constructor(collection, data) {
        if (collection === MADE) {
            this.#s = data;
            preventExtensions(this);
            return;
        }
        this.#s = P.emptyState(collection);
        preventExtensions(this);
        if (data !== null && data !== undefined) load(this.#s, data);
    }

    static {
        stateOf = (record) => record.#s;
        isRecord = (x) => typeof x === "object" && x !== null && #s in x;
        P.recordMade = (state) => new Record(MADE, state);
    }

    get id() { return text(this.#s, "id"); }
    set id(value) { put(this.#s, "id", P.goText(value)); }
    get baseModel() { return { id: this.id }; }
}

P.isRecord = isRecord;
P.recordState = (record) => stateOf(record);
P.Record = Record;

// -- state ----------------------------------------------------------------------------------------------------------------

const NOTHING = { id: "", name: "", type: "base", isAuth: false, fields: [], at: new Map() };

class State {
    constructor(schema, d, o, t) {
        this.schema = schema;
        this.d = d;
        this.o = o;
        this.t = t;
        this.fresh = o === null;
        this.pk = "";
    }
}
// What most records have of the rest: none of their own.
const REST = {
    extra: null, expand: null, shown: null, custom: false, emailShown: false, onlyChanged: false, h: 0, dirty: null,
    view: false, up: null, collection: null,
};
assign(State.prototype, REST);

const made = (schema, d, o, t = o) => new State(schema, d, o, t);

// The same state for another record, with some of it changed.
const copyOf = (s, changes) => assign(new State(s.schema, s.d, s.o, s.t), s, changes);

P.emptyState = (collection) => {
    if (collection === null || collection === undefined) return made(NOTHING, [], null);
    const schema = schemaFor(collection);
    const state = made(schema, schema.fields.map(P.values.zero), null);
    state.collection = collection;
    return state;
};

const known = new WeakMap();

// The schema of a Collection, which a script may have changed and not stored.
function schemaFor(collection) {
    if (!P.isCollection(collection)) throw new TypeError(`could not convert ${String(collection)} to *core.Collection`);
    const { fields } = collection;
    const before = known.get(collection);
    if (before !== undefined && before.version === P.catalogVersion() && before.length === fields.length) return before.schema;
    const { id, def } = P.collectionWire(collection);
    let schema = P.values.schema(def);
    if (id !== "") {
        const stored = P.schemaOf(id);
        const same = (field, at) => field.name === stored.fields[at].name && field.type === stored.fields[at].type && field.multiple === stored.fields[at].multiple;
        if (schema.fields.length === stored.fields.length && schema.fields.every(same)) schema = stored;
    }
    known.set(collection, { version: P.catalogVersion(), length: fields.length, schema });
    return schema;
}

function text(s, name) {
    const at = s.schema.at.get(name);
    if (at === undefined) return s.extra === null ? "" : cast.text(s.extra.get(name));
    const value = s.d[at], field = s.schema.fields[at];
    return typeof value === "string" && (field.texts || field.plain && value[0] !== "[") ? value : cast.text(P.values.bare(field, value));
}

const changed = [];

// Tell the host with the next call.
function touched(s) {
    if (s.dirty === null && !s.view) changed.push(s);
}

// Change the value at a position.
function change(s, at, value) {
    if (s.d === s.o || s.d === s.t) s.d = s.d.slice();
    s.d[at] = value;
    if (s.h !== 0) {
        touched(s);
        (s.dirty ??= new Set()).add(at);
    } else if (s.up !== null) viewChanged(s.up);
}

function viewChanged(s) {
    let root = s;
    for (let depth = 0; root.h === 0 && root.up !== null && depth < 16; depth++) root = root.up;
    if (root.h === 0) return;
    touched(root);
    root.view = true;
}
P.recordViewChanged = viewChanged;

function put(s, name, value) {
    const at = s.schema.at.get(name);
    if (at !== undefined) return change(s, at, value);
    (s.extra ??= new Map()).set(name, value);
    viewChanged(s);
}

// The field that a key sets, with its value set; undefined for one that is no field's.
function setField(s, key, raw) {
    const found = P.values.keyOf(s.schema, key);
    if (found === undefined) return undefined;
    const field = s.schema.fields[found[0]];
    if (field.type !== "autodate") change(s, found[0], P.values.applied(s.schema, field, found[1], s.d[found[0]], raw));
    return field;
}

function set(s, key, raw) {
    if (setField(s, key, raw) !== undefined) return;
    if (key === EXPAND) return setExpand(s, raw);
    (s.extra ??= new Map()).set(key, P.exported(raw));
    viewChanged(s);
}

function load(s, data) {
    if (data === null || data === undefined) return;
    if (typeof data !== "object" || isArray(data)) {
        throw new TypeError(`could not convert function call parameter 0: could not convert ${String(data)} to map[string]interface {}`);
    }
    const plain = data instanceof P.JSONMap ? data.toJSON() : data;
    for (const key of keys(plain)) set(s, key, plain[key]);
}

function get(s, key) {
    const at = s.schema.at.get(key);
    if (at !== undefined) return P.values.shown(s.schema.fields[at], s.d[at]);
    if (key === EXPAND) return s.expand ?? {};
    return s.extra?.get(key) ?? null;
}

// As `get`, for the typed getters.
function bare(s, key) {
    const at = s.schema.at.get(key);
    return at === undefined ? (key === EXPAND ? s.expand : s.extra?.get(key)) : P.values.bare(s.schema.fields[at], s.d[at]);
}

// As `bare`, for casts to numbers: a JSON field's bytes are none, whatever they say.
function scalar(s, name) {
    const at = s.schema.at.get(name);
    if (at === undefined) return bare(s, name);
    const field = s.schema.fields[at], value = s.d[at];
    switch (field.type) {
        case "json": return null;
        case "number": if (typeof value === "number") return value; break;
        case "bool": if (typeof value === "number") return value === 1; break;
    }
    return P.values.bare(field, value);
}

// … and to moments: numbers of fields are floats, which are none.
function moment(s, name) {
    const at = s.schema.at.get(name);
    return at !== undefined && s.schema.fields[at].type === "number" ? null : bare(s, name);
}

function setExpand(s, expand) {
    s.expand = expand !== null && typeof expand === "object" ? { ...expand } : null;
    below(s);
    viewChanged(s);
}

// What is expanded knows where it is: its changes are changes of what the outer record shows.
function below(s) {
    for (const name of keys(s.expand ?? {})) {
        for (const each of [s.expand[name]].flat()) if (isRecord(each) && stateOf(each) !== s) stateOf(each).up = s;
    }
}
P.expandedBelow = below;

// Lists of related records; those that scripts make themselves are to Go lists of anything.
const lists = new WeakSet();
P.relatedList = (list) => { lists.add(list); return list; };

function mergedExpand(old, given) {
    const isList = (value) => isArray(value) && lists.has(value);
    if (!isList(old) && !isList(given)) return isRecord(old) && isRecord(given) ? mergedRecord(old, given) : given;
    const merged = isList(old) ? [...old] : isRecord(old) ? [old] : [];
    for (const record of isList(given) ? given : isRecord(given) ? [given] : []) {
        const at = merged.findIndex((each) => each.id === record.id);
        if (at >= 0) merged[at] = mergedRecord(merged[at], record);
        else merged.push(record);
    }
    return P.relatedList(merged);
}

// The one that was there, with what is expanded on the other.
function mergedRecord(old, given) {
    const { expand } = stateOf(given);
    if (old !== given && expand !== null) mergeExpand(stateOf(old), expand);
    return old;
}

function mergeExpand(s, expand) {
    if (expand === null || typeof expand !== "object") return;
    const merged = { ...s.expand };
    for (const name of keys(expand)) merged[name] = hasOwn(merged, name) ? mergedExpand(merged[name], expand[name]) : expand[name];
    s.expand = merged;
    below(s);
    viewChanged(s);
}
P.mergeExpand = (record, expand) => mergeExpand(stateOf(record), expand);

P.recordParts = {
    text, bare, scalar, moment, get, set, load, put, setField, setExpand, mergeExpand, viewChanged, collectionOf, made,
    copyOf, lists,
};

// A value for the host, of a record's field.
P.recordValue = (record, name) => {
    const s = stateOf(record);
    const at = s.schema.at.get(name);
    return at === undefined ? P.exported(s.extra?.get(name) ?? null) : P.values.out(s.schema.fields[at], s.d[at]);
};

// -- over the line ------------------------------------------------------------------------------------------------------------

P.recordChanges = changed;
P.recordFrom = (schema, row) => {
    const state = new State(schema, row, row, row);
    state.pk = keyOf(schema, row);
    return new Record(MADE, state);
};

// The key that a row has.
function keyOf(schema, row) {
    const id = row[schema.keyAt];
    return typeof id === "string" ? id : cast.text(id);
}
P.keyOfRow = keyOf;

P.loadRow = (record, collectionId, row) => {
    const s = stateOf(record);
    const schema = P.schemaOf(collectionId);
    assign(s, REST, made(schema, row, row), { h: s.h, pk: keyOf(schema, row) });
};

// The Collection of a record: the shared one, or the very object that it was made with.
function collectionOf(s) {
    return s.collection ?? (s.schema === NOTHING ? null : P.collection(s.schema.id));
}
