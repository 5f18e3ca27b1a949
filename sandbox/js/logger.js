// `$app.logger()`: entries of the tenant's own log, in the real one's form: pairs of a key and a value, in groups.
//
//   P.log(level, message, data)   write one

const DEBUG = -4, INFO = 0, WARN = 4, ERROR = 8;
const BAD_KEY = "!BADKEY";

P.log = (level, message, data) => { P.host("log", level, P.toText(message), JSON.stringify(data)); };

// A value as it is logged: an answer or a Go error as its text, an exception of JavaScript's as nothing.
function shown(value) {
    if (value instanceof Error) return P.isGoError(value) ? { value: value.message } : {};
    if (P.isGoError(value)) return P.toText(value.message ?? value.error?.());
    if (typeof value === "function" || typeof value === "symbol") return null;
    return P.plain(value);
}

function put(target, key, value) {
    Object.defineProperty(target, key, { value, writable: true, enumerable: true, configurable: true });
}

function putAll(target, args) {
    for (let at = 0; at < args.length; at++) {
        const key = args[at];
        if (typeof key === "string" && at + 1 < args.length) put(target, key, shown(args[++at]));
        else put(target, BAD_KEY, shown(key));
    }
}

class Logger {
    // steps in order: a group's name, or a list of pairs
    #steps;

    constructor(steps) {
        this.#steps = steps;
    }

    with(...args) { return args.length === 0 ? this : new Logger([...this.#steps, args]); }

    withGroup(name) {
        const text = P.toText(name);
        return text === "" ? this : new Logger([...this.#steps, text]);
    }

    debug(message, ...args) { this.#write(DEBUG, message, args); }
    info(message, ...args) { this.#write(INFO, message, args); }
    warn(message, ...args) { this.#write(WARN, message, args); }
    error(message, ...args) { this.#write(ERROR, message, args); }
    log(context, level, message, ...args) { this.#write(P.toInt(level), message, args); }
    debugContext(context, message, ...args) { this.#write(DEBUG, message, args); }
    infoContext(context, message, ...args) { this.#write(INFO, message, args); }
    warnContext(context, message, ...args) { this.#write(WARN, message, args); }
    errorContext(context, message, ...args) { this.#write(ERROR, message, args); }
    enabled(context, level) { return P.toInt(level) >= P.host("log.level"); }

    #write(level, message, args) {
        const data = {};
        let target = data;
        let waiting = [];
        for (const step of [...this.#steps, args]) {
            if (typeof step === "string") {
                waiting.push(step);
                continue;
            }
            if (step.length === 0) continue;
            // a group with nothing in it is none
            for (const name of waiting) {
                put(target, name, {});
                target = target[name];
            }
            waiting = [];
            putAll(target, step);
        }
        P.log(level, message, data);
    }
}

const logger = new Logger([]);

P.appMethods({
    logger() { return logger; },
});
