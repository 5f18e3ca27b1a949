// `$app.store()`: what scripts of one tenant keep between runs. It lies with the host, as JSON, and is lost when the
// tenant is closed.

const { keys } = Object;

const DATE = "D";

// A value as JSON text, or a DateTime's with a letter in front of it. What has no JSON is refused: nothing else could be
// given back later, or to another process.
function text(value) {
    if (typeof value === "function" || typeof value === "symbol") throw P.goError("the store holds JSON values only");
    if (value instanceof P.DateTime) return DATE + String(value);
    return P.goText(JSON.stringify(P.plain(value)));
}

function value(json) {
    if (json === null) return null;
    return json[0] === DATE ? P.dateTime(json.slice(1)) : JSON.parse(json);
}

class Store {
    get(key) { return value(P.host("store.get", P.toText(key))); }

    getOk(key) {
        const json = P.host("store.get", P.toText(key));
        return [value(json), json !== null];
    }

    has(key) { return P.host("store.get", P.toText(key)) !== null; }

    getAll() {
        const all = {};
        for (const [key, json] of P.host("store.all")) {
            Object.defineProperty(all, key, { value: value(json), writable: true, enumerable: true, configurable: true });
        }
        return all;
    }

    values() { return P.host("store.all").map(([, json]) => value(json)); }
    length() { return P.host("store.length"); }
    set(key, given) { P.host("store.set", P.toText(key), text(given)); }
    remove(key) { P.host("store.remove", P.toText(key)); }
    removeAll() { P.host("store.reset", []); }

    reset(all) {
        P.host("store.reset", all === undefined || all === null ? [] : keys(all).map((key) => [key, text(all[key])]));
    }

    setIfLessThanLimit(key, given, most) {
        return P.host("store.limited", P.toText(key), text(given), P.toInt(most));
    }

    getOrSet(key, make) {
        const name = P.toText(key);
        const json = P.host("store.get", name);
        if (json !== null) return value(json);
        const made = P.settle(make());
        // somebody else may have been quicker
        return value(P.host("store.add", name, text(made)));
    }

    setFunc(key, make) {
        const name = P.toText(key);
        for (;;) {
            const json = P.host("store.get", name);
            if (P.host("store.swap", name, json, text(P.settle(make(value(json)))))) return;
        }
    }

    keys() { return P.host("store.all").map(([key]) => key); }
    marshalJSON() { return P.bytesOf(JSON.stringify(this.getAll())); }
    toJSON() { return this.getAll(); }

    unmarshalJSON(raw) {
        const all = JSON.parse(P.jsonText(raw));
        for (const key of keys(all)) this.set(key, all[key]);
    }
}
for (const name of Object.getOwnPropertyNames(Store.prototype)) {
    Object.defineProperty(Store.prototype, name, { enumerable: false });
}

const store = Object.freeze(new Store());

P.appMethods({
    store() { return store; },
});
