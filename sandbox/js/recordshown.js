// Records as others see them: less what is hidden, with what is expanded, in the order of the names.
//
//   P.recordJSON(record)       the JSON text that the API would answer
//   P.recordPlain(state)       its value, for JSON.stringify
//   P.recordExport(state)      the same with the values that scripts see

const { defineProperty } = Object;
const { stringify, parse } = JSON;
const { cast } = P;
// Of auth records these are never shown, to nobody.
const SECRETS = new Set(["password", "tokenKey"]);

const emailVisible = (s) => {
    const at = s.schema.at.get("emailVisibility");
    return at !== undefined && cast.bool(P.values.bare(s.schema.fields[at], s.d[at]));
};

// -- members ------------------------------------------------------------------------------------------------------------

function isHidden(s, name, byField) {
    const said = s.shown === null ? undefined : s.shown.get(name);
    return said === undefined ? byField : !said;
}

// Whether nothing but its fields is shown of a record, and just as their definitions say.
const isPlain = (s) => s.shown === null && s.expand === null && !(s.custom && s.extra !== null);

// The members of such a record, in order: fields, and what is the collection's (`of`).
function sorted(s) {
    const { schema } = s;
    schema.sorted ??= [
        ...schema.fields.filter((field) => !field.hidden && !(schema.isAuth && SECRETS.has(field.name))),
        { name: "collectionId", type: "", of: "id", label: '"collectionId":' },
        { name: "collectionName", type: "", of: "name", label: '"collectionName":' },
    ].sort((a, b) => (a.name < b.name ? -1 : 1));
    if (!schema.isAuth || s.emailShown || emailVisible(s)) return schema.sorted;
    return (schema.withoutEmail ??= schema.sorted.filter(({ name }) => name !== "email"));
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
        if (schema.isAuth && field.name === "email" && !s.emailShown && !emailVisible(s)) continue;
        members.set(field.name, value(field, s.d[field.position]));
    }
    if (!isHidden(s, "collectionId", false)) members.set("collectionId", of(schema.id));
    if (!isHidden(s, "collectionName", false)) members.set("collectionName", of(schema.name));
    if (s.expand !== null && !isHidden(s, "expand", false)) members.set("expand", of(s.expand));
    return members;
}

function valueJSON(field, value) {
    if (field.plain && typeof value === "string" && value[0] !== "[") return stringify(value.isWellFormed() ? value : value.toWellFormed());
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
    const s = P.recordState(record);
    if (isPlain(s)) {
        const parts = [];
        for (const field of sorted(s)) {
            parts.push(field.label + (field.type === "" ? stringify(s.schema[field.of]) : valueJSON(field, s.d[field.position])));
        }
        return `{${parts.join(",")}}`;
    }
    const members = publicMembers(s, valueJSON, P.marshal);
    return `{${[...members.keys()].sort().map((name) => `${stringify(name)}:${members.get(name)}`).join(",")}}`;
};

function objectOf(members) {
    const out = {};
    for (const [name, value] of members) defineProperty(out, name, { value, enumerable: true, writable: true, configurable: true });
    return out;
}

// What JSON.stringify asks for.
P.recordPlain = (s) => {
    if (!isPlain(s)) {
        const members = publicMembers(s, plainValue, (value) => parse(P.marshal(value)));
        return objectOf([...members].sort(([a], [b]) => (a < b ? -1 : 1)));
    }
    const out = {};
    for (const field of sorted(s)) {
        out[field.name] = field.type === "" ? s.schema[field.of] : plainValue(field, s.d[field.position]);
    }
    return out;
};

P.recordExport = (s) => objectOf(publicMembers(s, P.values.shown, (value) => value));

function plainValue(field, value) {
    if (field.plain && typeof value === "string" && value[0] !== "[") return value;
    if (value instanceof P.RawValue) return parse(P.marshal(value.value));
    switch (field.type) {
        case "date": case "autodate": return value;
        case "json": {
            if (value === null || value === "") return null;
            if (typeof value !== "string") return value;
            try { return parse(value); } catch { return value; }
        }
        case "geoPoint": {
            const { lon, lat } = P.pointOf(value);
            return { lon, lat };
        }
        default: return P.values.shown(field, value);
    }
}

