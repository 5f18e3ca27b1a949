// Record: one record in a script's hands, with the methods of the real one.
//
//   P.isRecord(x)
//   P.recordIn(wire)           a Record from the host: [collection id, row] as it was read, or the object form of
//                              `worker.hooks.shared`, whose handle leads to the one Record object of a shared record
//   P.recordOut(record)        … for the host, in the same form: by its handle where it is shared
//   P.recordState(record)      what is inside, for the prelude's other files
//   P.recordJSON(record)       the JSON text that the API would answer
//   P.loadRow(record, id, row) what Q's queries fill a `new Record` with
//
// State: schema; d: values by position (see recordvalues.js), one array with o and t until the first change; o: those it
// was loaded with, which `original()` shows, null for a new one; t: those that are stored; fresh: whether it is to be
// inserted; pk: its key when it was last stored; extra: what is no field's; expand; shown: names hidden (false) or shown (true); custom, emailShown, onlyChanged:
// flags; h: handle of a shared one; dirty: positions changed since the host was told, and view: whether that of the rest;
// up: the state of a record in whose expand it is; collection: the Collection it was made with.

const { defineProperty, preventExtensions, keys, hasOwn } = Object;
const { isArray } = Array;
const { stringify, parse } = JSON;
const { cast } = P;
const EXPAND = "expand";
// Of auth records these are never shown, to nobody.
const SECRETS = new Set(["password", "tokenKey"]);
const AUTH_ONLY = "not an auth collection record";

let stateOf;
let isRecord;

class Record {
    #s;

    constructor(collection, data) {
        this.#s = P.emptyState(collection);
        preventExtensions(this);
        if (data !== null && data !== undefined) load(this.#s, data);
    }

    static {
        stateOf = (record) => record.#s;
        isRecord = (x) => typeof x === "object" && x !== null && #s in x;
        P.recordMade = (state) => {
            const record = new Record(null);
            record.#s = state;
            return record;
        };
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

const made = (schema, d, o, t = o) => ({
    schema, d, o, t, fresh: o === null, pk: "", extra: null, expand: null, shown: null,
    custom: false, emailShown: false, onlyChanged: false, h: 0, dirty: null, view: false, up: null, collection: null,
});

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
    const value = s.d[at];
    return typeof value === "string" && s.schema.fields[at].type === "text" ? value : cast.text(P.values.bare(s.schema.fields[at], value));
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
    return at !== undefined && s.schema.fields[at].type === "json" ? null : bare(s, name);
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

// -- what others see ------------------------------------------------------------------------------------------------------------

function isHidden(s, name, byField) {
    const said = s.shown === null ? undefined : s.shown.get(name);
    return said === undefined ? byField : !said;
}

// The members that are shown, by name and in no order; `value` makes one of a field and its value.
function publicMembers(s, value, of) {
    const members = new Map();
    const { schema } = s;
    if (s.custom && s.extra !== null) {
        for (const [name, each] of s.extra) if (!isHidden(s, name, false)) members.set(name, of(each));
    }
    for (const field of schema.fields) {
        if (isHidden(s, field.name, field.hidden) || (schema.isAuth && SECRETS.has(field.name))) continue;
        if (schema.isAuth && field.name === "email" && !s.emailShown && !cast.bool(bare(s, "emailVisibility"))) continue;
        members.set(field.name, value(field, s.d[field.position]));
    }
    if (!isHidden(s, "collectionId", false)) members.set("collectionId", of(schema.id));
    if (!isHidden(s, "collectionName", false)) members.set("collectionName", of(schema.name));
    if (s.expand !== null && !isHidden(s, EXPAND, false)) members.set(EXPAND, of(s.expand));
    return members;
}

function valueJSON(field, value) {
    if (value instanceof P.RawValue) return P.marshal(value.value);
    switch (field.type) {
        case "json": {
            const raw = value === null ? "null" : typeof value === "string" ? value || "null" : stringify(value);
            return P.isJSON(raw) ? P.compact(raw) : stringify(raw);
        }
        case "password": return stringify(P.values.shown(field, value));
        case "date": case "autodate": return stringify(value);
        default: return P.marshal(P.values.shown(field, value));
    }
}

P.recordJSON = (record) => {
    const members = publicMembers(stateOf(record), valueJSON, P.marshal);
    return `{${[...members.keys()].sort().map((name) => `${stringify(name)}:${members.get(name)}`).join(",")}}`;
};

function objectOf(members) {
    const out = {};
    for (const [name, value] of members) defineProperty(out, name, { value, enumerable: true, writable: true, configurable: true });
    return out;
}

// -- methods ----------------------------------------------------------------------------------------------------------------

const key = (name) => (typeof name === "string" ? name : P.goText(name));

function named(s, names, shown) {
    s.shown ??= new Map();
    for (const name of names.flat()) s.shown.set(key(name), shown);
    viewChanged(s);
}

function fieldsData(s, value = get) {
    return objectOf(s.schema.fields.map((field) => [field.name, value(s, field.name)]));
}

function token(record, kind, more) {
    const s = stateOf(record);
    if (!s.schema.isAuth) throw P.goError(AUTH_ONLY);
    return P.host("records.token", P.appNumber(), P.recordOut(record), kind, more ?? null);
}

// Values for another record: shared until either changes them.
const copied = (s) => (s.d === s.o || s.d === s.t ? s.d : s.d.slice());

const methods = {
    collection() { return collectionOf(stateOf(this)); },
    tableName() { return stateOf(this).schema.name; },
    baseFilesPath() { return `${stateOf(this).schema.id}/${stateOf(this).pk || ""}`; },
    hookTags() { return [stateOf(this).schema.name, stateOf(this).schema.id]; },
    isNew() { return stateOf(this).fresh; },
    pk() { return this.id; },
    lastSavedPK() { return stateOf(this).pk; },
    isSuperuser() { return stateOf(this).schema.name === "_superusers"; },

    markAsNew() {
        const s = stateOf(this);
        s.pk = "";
        s.fresh = true;
        viewChanged(s);
    },

    markAsNotNew() {
        const s = stateOf(this);
        s.pk = this.id;
        s.fresh = false;
        viewChanged(s);
    },

    postScan() {
        const s = stateOf(this);
        s.o = s.t = s.d = s.d.slice();
        this.markAsNotNew();
    },

    // values

    get(name) { return get(stateOf(this), key(name)); },
    set(name, value) { set(stateOf(this), key(name), value); },
    load(data) { load(stateOf(this), data); },

    setIfFieldExists(name, value) {
        const s = stateOf(this);
        const field = setField(s, key(name), value);
        return field === undefined ? null : collectionOf(s).fields.getByName(field.name);
    },

    getRaw(name) {
        const s = stateOf(this);
        const at = s.schema.at.get(key(name));
        if (at === undefined || s.schema.fields[at].type !== "password") return get(s, key(name));
        const value = s.d[at];
        if (value instanceof P.RawValue) return value.value;
        if (typeof value === "string") return { lastError: null, hash: value, plain: "" };
        return { lastError: null, hash: value.hash ?? P.host("records.hash", P.goText(value.plain)), plain: value.plain };
    },

    setRaw(name, value) {
        const s = stateOf(this);
        put(s, key(name), s.schema.at.has(key(name)) ? new P.RawValue(P.exported(value)) : P.exported(value));
    },

    getBool(name) { return cast.bool(scalar(stateOf(this), key(name))); },
    getString(name) { return text(stateOf(this), key(name)); },
    getInt(name) { return cast.int(scalar(stateOf(this), key(name))); },
    getInt64(name) { return cast.int(scalar(stateOf(this), key(name))); },
    getFloat(name) { return cast.float(scalar(stateOf(this), key(name))); },
    getDateTime(name) { return P.dateTime(P.dateText(moment(stateOf(this), key(name)))); },

    getGeoPoint(name) {
        const { lon, lat } = P.pointOf(bare(stateOf(this), key(name)));
        return new P.GeoPoint(lon, lat);
    },

    getStringSlice(name) {
        const s = stateOf(this);
        const at = s.schema.at.get(key(name));
        const type = at === undefined ? "" : s.schema.fields[at].type;
        if (type === "date" || type === "autodate") return [];
        return cast.texts(type === "json" ? get(s, key(name)) : bare(s, key(name)));
    },

    getUnsavedFiles(name) {
        const found = get(stateOf(this), key(name).replace(/:unsaved$/, ""));
        return (isArray(found) ? found : [found]).filter((item) => P.isFile !== undefined && P.isFile(item));
    },

    getUploadedFiles(name) { return this.getUnsavedFiles(name); },

    unmarshalJSONField(name, result) {
        const value = get(stateOf(this), key(name));
        P.unmarshal(value instanceof P.JSONRaw ? value.string() : P.marshal(value), result);
    },

    fieldsData() { return fieldsData(stateOf(this)); },

    customData() {
        const { extra } = stateOf(this);
        return extra === null ? {} : objectOf([...extra].filter(([name]) => !name.startsWith("@pbInternal")));
    },

    findFileFieldByFile(filename) {
        const s = stateOf(this);
        const name = key(filename);
        for (const field of s.schema.fields) {
            if (field.type !== "file") continue;
            const files = P.values.list(s.d[field.position]);
            if (files.some((item) => (typeof item === "string" ? item : item.name) === name)) {
                return collectionOf(s).fields.getByName(field.name);
            }
        }
        return null;
    },

    dbExport() {
        const s = stateOf(this);
        const stored = (field, value) => {
            if (field.type !== "password") return P.values.shown(field, value);
            return typeof value === "string" ? value : this.getRaw(field.name).hash;
        };
        const fields = s.schema.fields.filter((field) => !s.onlyChanged || s.o === null || field.name === "id" || s.o[field.position] !== s.d[field.position]);
        return objectOf(fields.map((field) => [field.name, stored(field, s.d[field.position])]));
    },

    replaceModifiers(data) {
        const s = stateOf(this);
        const copy = { ...s, d: s.d.slice(), h: 0 };
        const out = {};
        const given = data !== null && typeof data === "object" ? data : {};
        for (const name of keys(given).sort((a, b) => a.length - b.length || (a < b ? -1 : 1))) {
            const found = P.values.keyOf(copy.schema, name);
            if (found === undefined || found[1] === "") out[name] = given[name];
            if (found === undefined) continue;
            const field = copy.schema.fields[found[0]];
            copy.d[found[0]] = P.values.applied(copy.schema, field, found[1], copy.d[found[0]], given[name]);
            if (found[1] !== "") out[field.name] = P.values.shown(field, copy.d[found[0]]);
        }
        return out;
    },

    // copies

    original() {
        const s = stateOf(this);
        const copy = made(s.schema, s.o ?? s.schema.fields.map(P.values.zero), s.o);
        copy.collection = s.collection;
        copy.pk = s.o === null ? "" : cast.text(s.o[s.schema.at.get("id")]);
        return P.recordMade(copy);
    },

    fresh() {
        const s = stateOf(this);
        return P.recordMade({ ...made(s.schema, copied(s), s.o, s.t), fresh: s.fresh, pk: s.pk, collection: s.collection });
    },

    clone() {
        const s = stateOf(this);
        const copy = { ...s, d: copied(s), h: 0, dirty: null, view: false, up: null };
        copy.extra = s.extra === null ? null : new Map(s.extra);
        copy.shown = s.shown === null ? null : new Map(s.shown);
        copy.expand = s.expand === null ? null : { ...s.expand };
        return P.recordMade(copy);
    },

    // expand

    expand() { return { ...stateOf(this).expand }; },
    setExpand(expand) { setExpand(stateOf(this), expand); },
    mergeExpand(expand) { mergeExpand(stateOf(this), expand); },

    expandedOne(name) {
        const found = stateOf(this).expand?.[key(name)];
        const first = isArray(found) ? (lists.has(found) ? found[0] : null) : found;
        return isRecord(first) ? first : null;
    },

    expandedAll(name) {
        const found = stateOf(this).expand?.[key(name)];
        return isArray(found) ? (lists.has(found) ? [...found] : []) : isRecord(found) ? [found] : [];
    },

    // what others see

    withCustomData(state) {
        stateOf(this).custom = Boolean(state);
        viewChanged(stateOf(this));
        return this;
    },

    ignoreEmailVisibility(state) {
        stateOf(this).emailShown = Boolean(state);
        viewChanged(stateOf(this));
        return this;
    },

    ignoreUnchangedFields(state) {
        stateOf(this).onlyChanged = Boolean(state);
        return this;
    },

    hide(...names) {
        named(stateOf(this), names.filter((name) => !isArray(name)), false);
        return this;
    },

    unhide(...names) {
        named(stateOf(this), names.filter((name) => !isArray(name)), true);
        return this;
    },

    publicExport() { return objectOf(publicMembers(stateOf(this), P.values.shown, (value) => value)); },
    marshalJSON() { return P.bytesOf(P.recordJSON(this)); },

    unmarshalJSON(data) {
        let plain;
        try { plain = parse(cast.text(data)); } catch (x) { throw P.goError(x.message); }
        load(stateOf(this), plain);
    },

    // of auth records

    email() { return this.getString("email"); },
    setEmail(email) { this.set("email", P.goText(email)); },
    emailVisibility() { return this.getBool("emailVisibility"); },
    setEmailVisibility(visible) { this.set("emailVisibility", Boolean(visible)); },
    verified() { return this.getBool("verified"); },
    setVerified(verified) { this.set("verified", Boolean(verified)); },
    tokenKey() { return this.getString("tokenKey"); },
    setTokenKey(value) { this.set("tokenKey", P.goText(value)); },
    refreshTokenKey() { this.set("tokenKey", P.host("records.secret")); },
    setPassword(password) { this.set("password", P.goText(password)); },

    setRandomPassword() {
        const s = stateOf(this);
        const { plain, hash } = P.host("records.password", s.schema.id);
        if (s.schema.at.has("password")) put(s, "password", new P.HashedPassword(hash, ""));
        else put(s, "password", plain);
        return plain;
    },

    validatePassword(password) {
        const s = stateOf(this);
        const at = s.schema.at.get("password");
        if (at === undefined || s.schema.fields[at].type !== "password") return false;
        const value = s.d[at];
        const plain = P.goText(password);
        if (value instanceof P.PlainPassword) return value.plain === plain;
        const hash = typeof value === "string" ? value : value.hash;
        return typeof hash === "string" && hash !== "" && P.host("records.passwordFits", plain, hash);
    },

    newAuthToken() { return token(this, "auth"); },
    newStaticAuthToken(duration) { return token(this, "static", Math.trunc(cast.float(duration)) || 0); },
    newFileToken() { return token(this, "file"); },
    newVerificationToken() { return token(this, "verification"); },
    newPasswordResetToken() { return token(this, "passwordReset"); },
    newEmailChangeToken(newEmail) { return token(this, "emailChange", P.goText(newEmail)); },
};

for (const [name, value] of Object.entries(methods)) {
    defineProperty(Record.prototype, name, { value, enumerable: true, writable: false, configurable: false });
}
defineProperty(Record.prototype, "toJSON", { value() { return parse(P.recordJSON(this)); }, enumerable: false });

G.Record = P.callable(Record);

// A value for the host, of a record's field.
P.recordValue = (record, name) => {
    const s = stateOf(record);
    const at = s.schema.at.get(name);
    return at === undefined ? P.exported(s.extra?.get(name) ?? null) : P.values.out(s.schema.fields[at], s.d[at]);
};

// -- over the line ------------------------------------------------------------------------------------------------------------

P.recordChanges = changed;
P.recordFrom = (schema, row) => {
    const state = made(schema, row, row);
    state.fresh = false;
    state.pk = cast.text(row[schema.at.get("id")]);
    return P.recordMade(state);
};
P.newState = made;

P.loadRow = (record, collectionId, row) => {
    const s = stateOf(record);
    const schema = P.schemaOf(collectionId);
    Object.assign(s, made(schema, row, row), { fresh: false, pk: cast.text(row[schema.at.get("id")]) });
};

// The Collection of a record: the shared one, or the very object that it was made with.
const collectionOf = (s) => s.collection ?? (s.schema === NOTHING ? null : P.collection(s.schema.id));
