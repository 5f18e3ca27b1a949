// RecordUpsertForm: what the API does with a submitted record, for scripts.

const DEFAULT = 0;
const MANAGER = 1;
const SUPERUSER = 2;
const CREDENTIALS = ["password", "passwordConfirm", "oldPassword"];
const ROLLED_BACK = {};
const { cast } = P;

class RecordUpsertForm {
    #app;
    #record;
    #access = DEFAULT;
    #credentials = {};

    constructor(app, record) {
        if (!(app instanceof P.App)) throw new TypeError(`could not convert ${String(app)} to core.App`);
        this.#app = app;
        this.setRecord(record);
        Object.preventExtensions(this);
    }

    setContext() {}
    setApp(app) { if (app instanceof P.App) this.#app = app; }

    setRecord(record) {
        if (!P.isRecord(record)) throw new TypeError(`could not convert ${String(record)} to *core.Record`);
        this.#record = record;
    }

    resetAccess() { this.#access = DEFAULT; }
    grantManagerAccess() { this.#access = MANAGER; }
    grantSuperuserAccess() { this.#access = SUPERUSER; }
    hasManageAccess() { return this.#access !== DEFAULT; }

    load(data) {
        if (data === null || data === undefined) return;
        const record = this.#record;
        const { schema } = P.recordState(record);
        for (const name of Object.keys(data).sort((a, b) => a.length - b.length)) {
            const found = P.values.keyOf(schema, name);
            if (found === undefined) continue;
            const field = schema.fields[found[0]];
            // hidden fields are a superuser's to write
            if (field.hidden && this.#access !== SUPERUSER && !(schema.isAuth && field.name === "password")) continue;
            record.set(name, data[name]);
        }
        if (schema.isAuth) for (const name of CREDENTIALS) if (name in data) this.#credentials[name] = cast.text(data[name]);
    }

    submit() {
        const n = this.#app.$n;
        P.lent(this.#record, (wire) => P.host("records.submit", n, wire, this.#credentials, this.#access !== DEFAULT));
    }

    drySubmit(callback) {
        const record = this.#record.clone();
        try {
            this.#app.runInTransaction((tx) => {
                tx.unsafeWithoutHooks().saveNoValidate(record);
                P.settle(callback(tx, record));
                throw ROLLED_BACK;
            });
        } catch (x) {
            if (x !== ROLLED_BACK) throw x;
        }
    }
}

G.RecordUpsertForm = P.callable(RecordUpsertForm);
