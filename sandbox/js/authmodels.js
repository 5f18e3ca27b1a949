// What was noted of accounts and logins: external auths, MFAs, OTPs and auth origins. Each is a Record with getters of its
// own, as the real one's are.

const string = (x) => P.toText(x);

const owner = {
    collectionRef() { return this.getString("collectionRef"); },
    setCollectionRef(id) { this.set("collectionRef", string(id)); },
    recordRef() { return this.getString("recordRef"); },
    setRecordRef(id) { this.set("recordRef", string(id)); },
    created() { return this.getDateTime("created"); },
    updated() { return this.getDateTime("updated"); },
    proxyRecord() { return this; },
    setProxyRecord(record) { become(this, record); },
    preValidate() {},
};
const expiring = {
    // `maxElapsed` in nanoseconds
    hasExpired(maxElapsed) {
        const since = Date.now() - Date.parse(this.getString("created").replace(" ", "T"));
        return since > Number(maxElapsed) / 1e6;
    },
};

function become(model, record) {
    Object.assign(P.recordState(model), P.recordState(record));
    return model;
}

function kind(table, methods) {
    class Kind extends P.Record {
        constructor() { super(null); }
    }
    P.methods(Kind.prototype, { ...owner, ...methods });
    return { table, of: (record) => become(new Kind(), record) };
}

const ExternalAuth = kind("_externalAuths", {
    provider() { return this.getString("provider"); },
    setProvider(name) { this.set("provider", string(name)); },
    providerId() { return this.getString("providerId"); },
    setProviderId(id) { this.set("providerId", string(id)); },
});
const MFA = kind("_mfas", {
    ...expiring,
    method() { return this.getString("method"); },
    setMethod(method) { this.set("method", string(method)); },
});
const OTP = kind("_otps", {
    ...expiring,
    sentTo() { return this.getString("sentTo"); },
    setSentTo(address) { this.set("sentTo", string(address)); },
});
const AuthOrigin = kind("_authOrigins", {
    fingerprint() { return this.getString("fingerprint"); },
    setFingerprint(text) { this.set("fingerprint", string(text)); },
});

function needsRecord(record) {
    if (P.isRecord(record)) return record;
    throw new TypeError(`could not convert function call parameter 0: could not convert ${String(record)} to core.Record`);
}

function needsCollection(collection) {
    if (P.isCollection(collection)) return collection;
    throw new TypeError(`could not convert function call parameter 0: could not convert ${String(collection)} to core.Collection`);
}

// All that fit, the newest first.
function all(app, { table, of }, expression) {
    const found = G.arrayOf(new G.Record());
    app.recordQuery(table).andWhere(expression).orderBy("created DESC").all(found);
    return Array.from(found, of);
}

function one(app, { table, of }, expression) {
    const found = new G.Record();
    app.recordQuery(table).andWhere(expression).limit(1).one(found);
    return of(found);
}

const hash = (pairs) => G.$dbx.hashExp(pairs);
const ofRecord = (record) => hash({ collectionRef: needsRecord(record).collection()?.id ?? "", recordRef: record.id });
const ofCollection = (collection) => hash({ collectionRef: needsCollection(collection).id });
const byRecord = (app, kind, record) => all(app, kind, ofRecord(record));
const byCollection = (app, kind, collection) => all(app, kind, ofCollection(collection));

function removeAll(app, models) {
    for (const model of models) app.delete(model);
}

// Of each auth collection, what is older than its option says.
function removeExpired(app, kind, option) {
    for (const collection of app.findAllCollections("auth")) {
        const oldest = P.dateText(new Date(Date.now() - collection[option].duration * 1000));
        const expired = G.$dbx.and(ofCollection(collection), G.$dbx.exp("[[created]] < {:oldest}", { oldest }));
        removeAll(app, all(app, kind, expired));
    }
}

P.appMethods({
    findAllExternalAuthsByRecord(record) { return byRecord(this, ExternalAuth, record); },
    findAllExternalAuthsByCollection(collection) { return byCollection(this, ExternalAuth, collection); },
    findFirstExternalAuthByExpr(expression) {
        // what nobody can log in with is none
        return one(this, ExternalAuth, G.$dbx.and(G.$dbx.not(hash({ providerId: "" })), expression));
    },
    deleteAllExternalAuthsByRecord(record) { removeAll(this, byRecord(this, ExternalAuth, record)); },

    findAllMFAsByRecord(record) { return byRecord(this, MFA, record); },
    findAllMFAsByCollection(collection) { return byCollection(this, MFA, collection); },
    findMFAById(id) { return one(this, MFA, hash({ id: string(id) })); },
    deleteAllMFAsByRecord(record) { removeAll(this, byRecord(this, MFA, record)); },
    deleteExpiredMFAs() { removeExpired(this, MFA, "mfa"); },

    findAllOTPsByRecord(record) { return byRecord(this, OTP, record); },
    findAllOTPsByCollection(collection) { return byCollection(this, OTP, collection); },
    findOTPById(id) { return one(this, OTP, hash({ id: string(id) })); },
    deleteAllOTPsByRecord(record) { removeAll(this, byRecord(this, OTP, record)); },
    deleteExpiredOTPs() { removeExpired(this, OTP, "otp"); },

    findAllAuthOriginsByRecord(record) { return byRecord(this, AuthOrigin, record); },
    findAllAuthOriginsByCollection(collection) { return byCollection(this, AuthOrigin, collection); },
    findAuthOriginById(id) { return one(this, AuthOrigin, hash({ id: string(id) })); },
    findAuthOriginByRecordAndFingerprint(record, fingerprint) {
        return one(this, AuthOrigin, G.$dbx.and(ofRecord(record), hash({ fingerprint: string(fingerprint) })));
    },
    deleteAllAuthOriginsByRecord(record) { removeAll(this, byRecord(this, AuthOrigin, record)); },
});
