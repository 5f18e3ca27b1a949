// `$app.settings()`: the tenant's settings, typed. The same object as long as they are not changed elsewhere; what a
// script changes in it and does not save lasts as long as its run.
//
//   P.settingsOf(tree)      a Settings of the host's tree, for events
//   P.settingsWire(settings)
//   P.settingsTold(settings, tree)   the host has changed it

const { string, bool, int, strings, struct, list } = P.kinds;

const S3 = struct(P.struct({
    enabled: bool, bucket: string, region: string, endpoint: string, accessKey: string, secret: string,
    forcePathStyle: bool,
}));
const RateLimitRule = P.struct({ label: string, audience: string, duration: int, maxRequests: int }, {
    durationTime() { return new P.Duration(this.duration * 1e9); },
    string() { return JSON.stringify(this); },
});
const RateLimits = P.struct({ rules: list(RateLimitRule), excludedIPs: strings, enabled: bool }, {
    findRateLimitRule(labels, ...audiences) {
        const wanted = audiences.map((each) => P.toText(each));
        for (const label of labels ?? []) {
            for (const rule of this.rules) {
                const fits = wanted.length === 0 || wanted.includes(rule.audience);
                const { label: own } = rule;
                if (fits && (own === label || (own.endsWith("/") && P.toText(label).startsWith(own)))) return [rule, true];
            }
        }
        return [new RateLimitRule(), false];
    },
});

const Settings = P.struct({
    superuserIPs: strings,
    smtp: struct(P.struct({
        enabled: bool, port: int, host: string, username: string, password: string, authMethod: string, tls: bool,
        localName: string,
    })),
    backups: struct(P.struct({ cron: string, cronMaxKeep: int, s3: S3 })),
    s3: S3,
    meta: struct(P.struct({
        accentColor: string, appName: string, appURL: string, senderName: string, senderAddress: string,
        hideControls: bool,
    })),
    rateLimits: struct(RateLimits),
    trustedProxy: struct(P.struct({ headers: strings, useLeftmostIP: bool })),
    batch: struct(P.struct({ enabled: bool, maxRequests: int, timeout: int, maxBodySize: int })),
    logs: struct(P.struct({ maxDataSize: int, maxDays: int, minLevel: int, logIP: bool, logAuthId: bool })),
}, {
    tableName() { return "_params"; },
    pk() { return "settings"; },
    lastSavedPK() { return "settings"; },
    isNew() { return false; },
    markAsNew() {},
    markAsNotNew() {},
    postScan() {},

    clone() { return P.settingsOf(P.wire(this)); },

    merge(other) {
        const wrong = P.misfitOf(this, P.plain(other));
        if (wrong !== null) throw P.goError(wrong);
    },

    // Without secrets.
    toJSON() {
        const out = P.wire(this);
        delete out.smtp.password;
        delete out.s3.secret;
        delete out.backups.s3.secret;
        return out;
    },
    marshalJSON() { return P.bytesOf(this.string()); },
    string() { return JSON.stringify(this); },
    toString() { return JSON.stringify(this); },
    dbExport() { return { id: "settings", value: P.bytesOf(JSON.stringify(P.wire(this))) }; },
});

// A member's value is made of the host's JSON, which may be shared: what is changed here is not to change that.
const copied = (tree) => JSON.parse(JSON.stringify(tree));

P.settingsOf = (tree) => P.adopt(new Settings(), copied(tree));
P.settingsWire = (settings) => P.wire(settings);
P.settingsTold = (settings, tree) => { P.refresh(settings, copied(tree)); };

let current;

P.model(Settings, {
    save(app, settings) { P.host("settings.save", app.$n, P.wire(settings)); },
    delete() { throw P.goError("the settings cannot be deleted"); },
    validate(app, settings) { P.host("settings.check", app.$n, P.wire(settings)); },
});

P.appMethods({
    settings() {
        const tree = P.host("settings.get", this.$n, current !== undefined);
        if (current === undefined) current = P.settingsOf(tree);
        else if (tree !== null) P.settingsTold(current, tree);
        return current;
    },

    reloadSettings() {
        P.host("settings.reload", this.$n);
        if (current !== undefined) P.settingsTold(current, P.host("settings.get", this.$n, false));
    },
});
