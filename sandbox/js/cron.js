// `$app.cron()`: the tenant's scheduled jobs.

class Job {
    #id;
    #expression;

    constructor(id, expression) {
        this.#id = id;
        this.#expression = expression;
    }

    id() { return this.#id; }
    expression() { return this.#expression; }
    run() { P.host("cron.run", this.#id); }
    toJSON() { return { id: this.#id, expression: this.#expression }; }
    marshalJSON() { return P.bytesOf(JSON.stringify(this.toJSON())); }
}

const cron = Object.freeze({
    __proto__: null,

    add(id, expression, fn) {
        if (typeof fn !== "function") throw P.goError("failed to add new cron job: missing function");
        P.cronAdd({ id: P.toText(id), expression: P.toText(expression), source: Function.prototype.toString.call(fn) });
    },
    mustAdd(id, expression, fn) { cron.add(id, expression, fn); },
    remove(id) { P.cronRemove(P.toText(id)); },
    removeAll() { P.host("cron.removeAll"); },
    jobs() { return P.host("cron.jobs").map(({ id, expression }) => new Job(id, expression)); },
    total() { return P.host("cron.jobs").length; },
    hasStarted() { return true; },

    // The scheduler is the server's own, and the same for all tenants.
    start() {},
    stop() { throw P.goError("$app.cron().stop is not for scripts: use remove"); },
    setInterval() { throw P.goError("$app.cron().setInterval is not for scripts: jobs are looked at each minute"); },
    setTimezone() { throw P.goError("$app.cron().setTimezone is not for scripts: jobs are due in UTC"); },
});

P.appMethods({
    cron() { return cron; },
});
