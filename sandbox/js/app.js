// `$app`: what every script reaches its tenant by.
//
//   P.appMethods({name(){…}})   puts methods on App.prototype; `this.$n` is the number that operations take
//   P.app(n)                    the App of a number: 0 is the tenant's outer one, others are transactions', and -1 - n
//                               is that of n without hooks
//   P.model(Kind, {save(app, model, validated), delete(app, model), validate(app, model)})
//                               what `$app.save` and the like do with objects of a class
//   P.withApp(n, fn)            runs fn() while the app of the innermost event is n; a promise is settled inside
//   P.appNumber()               the number of the innermost app: an event's, or an open transaction's
//
// Inside of a transaction everything that is still open stands for it: the outer app would wait for a writer that is
// itself. (The real one does wait, forever, when it writes.) `$app` is the app of the event whose handler runs.

const { defineProperty, getOwnPropertyDescriptors, defineProperties } = Object;
const OVER = "sql: transaction has already been committed or rolled back";

// What is open, the innermost last: {n, event: whether an event brought it, complete: what follows its end}.
const open = [{ n: 0, event: true }];
const apps = new Map();

class App {
    #n;

    constructor(n) {
        this.#n = n;
    }

    // The number for the host. Throws for a transaction that is over.
    get $n() {
        const own = this.#n < 0 ? -1 - this.#n : this.#n;
        const top = open[open.length - 1].n;
        if (own !== top && own !== 0 && !open.some((each) => each.n === own)) throw P.goError(OVER);
        return this.#n < 0 && top >= 0 ? -1 - top : top;
    }

    // The number it was made with, whatever is open now.
    get $own() {
        return this.#n < 0 ? -1 - this.#n : this.#n;
    }

    get $quiet() {
        return this.#n < 0;
    }
}
for (const name of ["$n", "$own", "$quiet"]) defineProperty(App.prototype, name, { enumerable: false });

P.App = App;

P.appMethods = (methods) => {
    const descriptors = getOwnPropertyDescriptors(methods);
    defineProperties(App.prototype, descriptors);
};

P.app = (n) => {
    let app = apps.get(n);
    if (app === undefined) {
        app = new App(n);
        if (n === 0 || n === -1) apps.set(n, app);
    }
    return app;
};

P.appNumber = () => open[open.length - 1].n;

P.withApp = (n, fn) => {
    open.push({ n, event: true });
    try {
        return P.settle(fn());
    } finally {
        open.pop();
    }
};

function eventApp() {
    for (let at = open.length - 1; ; at--) if (open[at].event) return P.app(open[at].n);
}

const set = (value) => { defineProperty(G, "$app", { value, writable: true, configurable: true, enumerable: true }); };
defineProperty(G, "$app", { get: eventApp, set, configurable: true, enumerable: true });

// -- models -------------------------------------------------------------------------------------------------------------

const models = [];

P.model = (Kind, actions) => { models.push({ Kind, actions }); };

function actionsOf(value, at) {
    if (value !== null && typeof value === "object") {
        for (const { Kind, actions } of models) if (value instanceof Kind) return actions;
    }
    throw new TypeError(`could not convert function call parameter ${at}: could not convert ${String(value)} to core.Model`);
}

const save = (app, model, validated, at) => { actionsOf(model, at).save(app, model, validated); };
const remove = (app, model, at) => { actionsOf(model, at).delete(app, model); };

P.appMethods({
    save(model) { save(this, model, true, 0); },
    saveWithContext(context, model) { save(this, model, true, 1); },
    saveNoValidate(model) { save(this, model, false, 0); },
    saveNoValidateWithContext(context, model) { save(this, model, false, 1); },
    delete(model) { remove(this, model, 0); },
    deleteWithContext(context, model) { remove(this, model, 1); },
    validate(model) { actionsOf(model, 0).validate(this, model); },
    validateWithContext(context, model) { actionsOf(model, 1).validate(this, model); },
});

// -- transactions -----------------------------------------------------------------------------------------------------

// What Go makes of a value that should have been an error.
function returned(value) {
    if (value === undefined || value === null) return;
    if (P.isGoError(value)) throw value instanceof Error ? value : P.goError(value.message, value);
    throw P.goError("could not convert " + String(value) + " to error");
}

function needsFunction(fn) {
    if (typeof fn === "function") return;
    throw new TypeError("could not convert function call parameter 0: could not convert " + String(fn) + " to func(core.App) error");
}

// Bodies of transactions that the host is about to have run.
const bodies = [];

function run(app, fn, aux) {
    needsFunction(fn);
    const n = app.$n;
    const inside = n < 0 ? -1 - n : n;
    // one inside of another is the other, as in the real one: what it did stays if its error is caught
    if (inside > 0) return void returned(P.settle(fn(txApp(app, inside))));
    const body = { app, fn, complete: [], failure: undefined };
    bodies.push(body);
    try {
        P.host("tx", n, aux);
    } catch (error) {
        body.failure ??= { error };
    } finally {
        bodies.pop();
    }
    const { complete, failure } = body;
    for (const done of complete) P.settle(done(failure === undefined ? null : failure.error));
    if (failure !== undefined) throw failure.error;
}

P.on("tx", (n) => {
    const body = bodies[bodies.length - 1];
    open.push({ n, event: false, complete: body.complete });
    try {
        returned(P.settle(body.fn(txApp(body.app, n))));
    } catch (error) {
        body.failure = { error };
        throw error;
    } finally {
        open.pop();
    }
});

const txApp = (app, n) => (app.$quiet ? P.app(-1 - n) : P.app(n));

P.appMethods({
    runInTransaction(fn) {
        return run(this, fn, false);
    },

    auxRunInTransaction(fn) {
        return run(this, fn, true);
    },

    isTransactional() {
        return this.$own > 0;
    },

    txInfo() {
        if (this.$own === 0) return null;
        const entry = open.find((each) => each.n === this.$own);
        return {
            onComplete(fn) {
                if (entry === undefined || entry.complete === undefined) throw P.goError(OVER);
                entry.complete.push(fn);
            },
        };
    },

    unsafeWithoutHooks() {
        return P.app(-1 - this.$own);
    },

    dataDir() {
        return "/pb_data";
    },

    encryptionEnv() {
        return "";
    },

    isDev() {
        return false;
    },

    isBootstrapped() {
        return true;
    },
});

Object.defineProperty(App.prototype, "app", { get() { return this; }, enumerable: true, configurable: true });
