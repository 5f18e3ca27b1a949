// The methods of Record, as the real one has them.

const { defineProperty, keys } = Object;
const { isArray } = Array;
const { parse } = JSON;
const { cast, isRecord, recordState: stateOf } = P;
const {
    text, bare, scalar, moment, get, set, load, put, setField, setExpand, mergeExpand, viewChanged, collectionOf, made,
    copyOf, lists,
} = P.recordParts;
const AUTH_ONLY = "not an auth collection record";

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
        const copy = copyOf(s, { d: s.d.slice(), h: 0 });
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
        copy.pk = s.o === null ? "" : P.keyOfRow(s.schema, s.o);
        return P.recordMade(copy);
    },

    fresh() {
        const s = stateOf(this);
        return P.recordMade(Object.assign(made(s.schema, copied(s), s.o, s.t), { fresh: s.fresh, pk: s.pk, collection: s.collection }));
    },

    clone() {
        const s = stateOf(this);
        const copy = copyOf(s, { d: copied(s), h: 0, dirty: null, view: false, up: null });
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

    publicExport() { return P.recordExport(stateOf(this)); },
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
    defineProperty(P.Record.prototype, name, { value, enumerable: true, writable: false, configurable: false });
}
defineProperty(P.Record.prototype, "toJSON", { value() { return P.recordPlain(stateOf(this)); }, enumerable: false });

G.Record = P.callable(P.Record);
