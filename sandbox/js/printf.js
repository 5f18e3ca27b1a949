// Go's fmt: how values print.
//
//   P.goPrint(values)           as Sprint: a space between two operands neither of which is a text
//   P.goPrintLine(values)       as Sprintln
//   P.goFormat(format, values)  as Sprintf
//   P.goType(value)             the name of the type that a script's value has in Go

const { isArray } = Array;
const { isSafeInteger } = Number;
const WIDTH_MAX = 1_000_000;

const isInteger = (v) => typeof v === "number" && isSafeInteger(v) && !Object.is(v, -0);

P.goType = (v) => {
    switch (typeof v) {
        case "string": return "string";
        case "boolean": return "bool";
        case "number": return isInteger(v) ? "int64" : "float64";
        case "function": return "func(goja.FunctionCall) goja.Value";
    }
    if (v === null || v === undefined) return "<nil>";
    if (v instanceof P.SafeHTML) return "template.HTML";
    if (isArray(v)) return "[]interface {}";
    if (P.isRecord(v)) return "*core.Record";
    return P.isGo(v) ? `types.${v.constructor?.name || "Value"}` : "map[string]interface {}";
};

// What prints itself.
const printed = (v) => {
    if (v instanceof P.SafeHTML) return v.html;
    if (v instanceof Error) return v.message;
    if (v instanceof String) return String(v);
    return typeof v.string === "function" && (isArray(v) || P.isGo(v)) ? String(v.string()) : undefined;
};

function shown(v, verb, plus) {
    switch (typeof v) {
        case "string": return v;
        case "boolean": return String(v);
        case "number": return isInteger(v) ? String(v) : P.floatText(v);
        case "bigint": return String(v);
        case "function": return "0x1005bc0";
        case "undefined": return "<nil>";
    }
    if (v === null) return "<nil>";
    const own = printed(v);
    if (own !== undefined) return own;
    const each = (item) => (verb === "v" ? shown(item, verb, plus) : formatted(verb, {}, item));
    if (isArray(v)) return `[${Array.from(v, each).join(" ")}]`;
    const plain = P.isGo(v) || P.isRecord(v) ? P.plain(v) : v;
    if (plain === null || typeof plain !== "object") return shown(plain, verb, plus);
    return `map[${Object.keys(plain).sort().map((key) => `${key}:${each(plain[key])}`).join(" ")}]`;
}

const isText = (v) => typeof v === "string";

P.goPrint = (values) => {
    let out = "";
    values.forEach((value, at) => {
        if (at > 0 && !isText(value) && !isText(values[at - 1])) out += " ";
        out += shown(value, "v");
    });
    return out;
};

P.goPrintLine = (values) => values.map((value) => shown(value, "v")).join(" ") + "\n";

// -- verbs --------------------------------------------------------------------------------------------------------------

// As %#v.
function source(v) {
    if (typeof v === "string") return P.goQuote(v);
    if (v === null || v === undefined) return "interface {}(nil)";
    if (typeof v !== "object") return shown(v, "v");
    if (isArray(v)) return `[]interface {}{${Array.from(v, source).join(", ")}}`;
    return `map[string]interface {}{${Object.keys(v).sort().map((key) => `${P.goQuote(key)}:${source(v[key])}`).join(", ")}}`;
}

const bad = (verb, v) => {
    if (v === null || v === undefined) return `%!${verb}(<nil>)`;
    const type = P.goType(v) === "int64" && v.constant ? "int" : P.goType(v);
    return `%!${verb}(${type}=${shown(v, "v")})`;
};

const signed = (text, flags) => (text[0] === "-" ? text : flags.plus ? "+" + text : flags.space ? " " + text : text);

function integer(verb, flags, v) {
    const base = { d: 10, b: 2, o: 8, O: 8, x: 16, X: 16 }[verb];
    if (base !== undefined) {
        const digits = Math.abs(v).toString(base).padStart(flags.precision ?? 1, "0");
        const prefix = verb === "O" ? "0o" : flags.sharp ? { b: "0b", o: "0", x: "0x", X: "0X" }[verb] ?? "" : "";
        return signed((v < 0 ? "-" : "") + prefix + (verb === "X" ? digits.toUpperCase() : digits), flags);
    }
    if (verb === "c") return String.fromCodePoint(v >= 0 && v <= 0x10ffff ? v : 0xfffd);
    if (verb === "q") return P.goQuoteRune(String.fromCodePoint(v >= 0 && v <= 0x10ffff ? v : 0xfffd));
    if (verb === "U") return "U+" + v.toString(16).toUpperCase().padStart(4, "0");
    return bad(verb, v);
}

const exponential = (text) => text.replace(/e([+-])(\d)$/, "e$10$2");

function float(verb, flags, v) {
    if (Number.isNaN(v)) return "NaN";
    if (!Number.isFinite(v)) return signed(v > 0 ? "+Inf" : "-Inf", {});
    const digits = flags.precision;
    switch (verb) {
        case "f": case "F": return signed(v.toFixed(Math.min(digits ?? 6, 100)), flags);
        case "e": case "E": {
            const text = exponential(v.toExponential(Math.min(digits ?? 6, 100)));
            return signed(verb === "E" ? text.toUpperCase() : text, flags);
        }
        case "g": case "G": {
            if (digits === undefined) return signed(P.floatText(v), flags);
            const exponent = v === 0 ? 0 : Math.floor(Math.log10(Math.abs(v)));
            const count = Math.max(digits, 1);
            const text = exponent < -4 || exponent >= count ? exponential(Number(v.toPrecision(count)).toExponential()) : String(Number(v.toPrecision(count)));
            return signed(verb === "G" ? text.toUpperCase() : text, flags);
        }
        default: return bad(verb, v);
    }
}

const hex = (text, upper) => {
    const out = Array.from(P.utf8(text), (c) => c.charCodeAt(0).toString(16).padStart(2, "0")).join("");
    return upper ? out.toUpperCase() : out;
};

function textual(verb, flags, text, v) {
    const cut = flags.precision === undefined ? text : Array.from(text).slice(0, flags.precision).join("");
    switch (verb) {
        case "s": case "v": return cut;
        case "q": return flags.sharp && !/[`\x00-\x08\x0a-\x1f\x7f\ufeff]/.test(cut) ? "`" + cut + "`" : P.goQuote(cut);
        case "x": case "X": return hex(cut, verb === "X");
        default: return bad(verb, v);
    }
}

function formatted(verb, flags, v) {
    if (verb === "T") return flags.constant && isInteger(v) ? "int" : P.goType(v);
    if (verb === "p") return bad(verb, v);
    if (verb === "v") {
        if (flags.sharp) return source(v);
        if (typeof v === "number" && !isInteger(v) && flags.precision !== undefined) return float("g", flags, v);
        return typeof v === "number" && flags.plus ? signed(shown(v, "v"), flags) : shown(v, "v", flags.plus);
    }
    if (v === null || v === undefined) return `%!${verb}(<nil>)`;
    if (typeof v === "boolean") return verb === "t" ? String(v) : bad(verb, v);
    if (typeof v === "number") {
        const text = isInteger(v) ? integer(verb, flags, v) : float(verb, flags, v);
        return flags.constant && text.startsWith("%!") ? text.replace("(int64=", "(int=") : text;
    }
    if (typeof v === "string") return textual(verb, flags, v, v);
    const own = typeof v === "object" ? printed(v) : undefined;
    if (own !== undefined) return textual(verb, flags, own, v);
    return typeof v === "object" ? shown(v, verb) : bad(verb, v);
}

function padded(text, { width, minus, zero }, v) {
    const length = Array.from(text).length;
    if (width === undefined || length >= width) return text;
    if (minus) return text + " ".repeat(width - length);
    if (!zero) return " ".repeat(width - length) + text;
    const sign = typeof v === "number" && /^[+-]/.test(text) ? text[0] : "";
    return sign + "0".repeat(width - length) + text.slice(sign.length);
}

// `constants`: by position, whether a number stands in the template itself, where Go's is an int.
P.goFormat = (format, values, constants = []) => {
    let next = 0;
    const size = (text) => {
        if (text !== "*") return text === undefined || text === "" ? undefined : Math.min(Number(text), WIDTH_MAX);
        const given = values[next++];
        return isInteger(given) ? Math.min(given, WIDTH_MAX) : undefined;
    };
    const out = format.replace(/%([ +\-#0]*)(\*|\d+)?(?:\.(\*|\d*))?([^])?/gu, (all, marks, wide, precise, verb) => {
        const width = size(wide);
        const precision = precise === "" ? 0 : size(precise);
        if (verb === undefined) return "%!(NOVERB)";
        if (verb === "%") return "%";
        if (next >= values.length) return `%!${verb}(MISSING)`;
        const constant = constants[next] === true;
        const v = values[next++];
        const flags = {
            width, precision, constant, minus: marks.includes("-"), plus: marks.includes("+"), sharp: marks.includes("#"),
            space: marks.includes(" "), zero: marks.includes("0") && !marks.includes("-"),
        };
        return padded(formatted(verb, flags, v), flags, v);
    });
    if (next >= values.length) return out;
    const extra = values.slice(next).map((v, at) => (v === null || v === undefined ? "<nil>" : `${constants[next + at] && isInteger(v) ? "int" : P.goType(v)}=${shown(v, "v")}`));
    return `${out}%!(EXTRA ${extra.join(", ")})`;
};
