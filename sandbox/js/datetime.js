// DateTime, and the texts that are dates.
//
//   P.dateTime(text)               a DateTime from the stored layout; "" is the time that was never set
//   P.parseTime(text, zone)        a Time from one of the layouts that dates are read from; null for what is none
//   P.dateText(value)              what a date field stores of a value ("" for what is no date)

const { defineProperty } = Object;
const { floor, abs } = Math;
const { daysOf, dateOf, secondsOf, asTime, plainZone, zoneAt, fixedZone, pad, ZERO, ZERO_SEC, DAY_S, UTC, DAYS, SHORT_MONTHS } = P.calendar;
const { Time, Timezone, timeOf } = P;
const two = (n) => (n < 10 ? "0" + n : n);

// -- texts that are dates -----------------------------------------------------------------------------------------------

const CLOCK = "(?<h>\\d\\d):(?<mi>\\d\\d):(?<s>\\d\\d)(?:[.,](?<f>\\d{1,9}))?";
const MONTH = `(?<month>${SHORT_MONTHS.join("|")})`;
const SHORT_DAY = "(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)";
const NAMED = "(?:[A-Z]{3,4})";
const OFFSET = "(?<z>[+-]\\d{4})";
const NUMBERS = "(?<y>\\d{4})-(?<mo>\\d\\d)-(?<d>\\d\\d)";
const LAYOUTS = [
    `${NUMBERS}[T ]${CLOCK}(?<z>Z|[+-]\\d\\d:?\\d\\d)?`,
    NUMBERS,
    `${NUMBERS} ${CLOCK} (?<z>[+-]\\d\\d:?\\d\\d)(?: ${NAMED})?`,
    `${SHORT_DAY}, (?<d>\\d\\d) ${MONTH} (?<y>\\d{4}) ${CLOCK} (?:${NAMED}|${OFFSET})`,
    `(?<d>\\d\\d) ${MONTH} (?<yy>\\d\\d) (?<h>\\d\\d):(?<mi>\\d\\d) (?:${NAMED}|${OFFSET})`,
    `(?:${DAYS.join("|")}), (?<d>\\d\\d)-${MONTH}-(?<yy>\\d\\d) ${CLOCK} ${NAMED}`,
    `${SHORT_DAY} ${MONTH} +(?<d>\\d\\d?) ${CLOCK} (?:(?:${NAMED}|${OFFSET}) )?(?<y>\\d{4})`,
    `(?<d>\\d\\d) ${MONTH} (?<y>\\d{4})`,
    `${MONTH} +(?<d>\\d\\d?) ${CLOCK}`,
    "(?<h>\\d\\d?):(?<mi>\\d\\d)(?<half>AM|PM)",
].map((layout) => new RegExp(`^${layout}$`));
const CENTURY_TURN = 69;

function parseTime(text, zone) {
    for (const layout of LAYOUTS) {
        const match = layout.exec(text);
        if (match !== null) return timeOfParts(match.groups, zone);
    }
    return null;
}

function timeOfParts(part, zone) {
    const year = part.yy === undefined ? Number(part.y ?? 0) : Number(part.yy) + (Number(part.yy) >= CENTURY_TURN ? 1900 : 2000);
    const month = part.month === undefined ? Number(part.mo ?? 1) : SHORT_MONTHS.indexOf(part.month) + 1;
    const day = Number(part.d ?? 1);
    let hour = Number(part.h ?? 0);
    if (part.half !== undefined) {
        if (hour > 12) return null;
        hour = (hour % 12) + (part.half === "PM" ? 12 : 0);
    }
    const minute = Number(part.mi ?? 0), second = Number(part.s ?? 0);
    if (month < 1 || month > 12 || day < 1 || hour > 23 || minute > 59 || second > 59) return null;
    const days = daysOf(year, month, day);
    if (dateOf(days)[1] !== month) return null;
    const wall = days * DAY_S + hour * 3600 + minute * 60 + second;
    const ns = Number((part.f ?? "").padEnd(9, "0"));
    if (part.z !== undefined && part.z !== "Z") {
        const digits = part.z.slice(1).replace(":", "");
        const offset = (part.z[0] === "-" ? -1 : 1) * (Number(digits.slice(0, 2)) * 3600 + Number(digits.slice(2)) * 60);
        if (abs(offset) >= DAY_S) return null;
        return new Time(wall - offset, ns, offset === 0 ? UTC : fixedZone(offset));
    }
    if (zone === undefined || part.z === "Z" || plainZone(zone)) return new Time(wall, ns, UTC);
    return new Time(wall - zoneAt(zone, wall, true)[0], ns, zone);
}

// The stored layout of a moment; "" for the time that was never set.
function storedText(sec, ns) {
    if (sec === ZERO_SEC && ns === 0) return "";
    const days = floor(sec / DAY_S);
    const [year, month, day] = dateOf(days);
    const rest = sec - days * DAY_S;
    const hour = floor(rest / 3600), minute = floor((rest % 3600) / 60), second = rest % 60;
    return `${year < 1000 ? pad(year, 4) : year}-${two(month)}-${two(day)} ${two(hour)}:${two(minute)}:${two(second)}.${pad(floor(ns / 1e6), 3)}Z`;
}

// The moment of a text in the stored layout: [seconds, nanoseconds]; null for any other.
function storedParts(text) {
    if (text.length !== 24 || text.charCodeAt(23) !== 90 || text.charCodeAt(10) !== 32) return null;
    if (text[4] !== "-" || text[7] !== "-" || text[13] !== ":" || text[16] !== ":" || text[19] !== ".") return null;
    const year = digits(text, 0, 4), month = digits(text, 5, 7), day = digits(text, 8, 10);
    const hour = digits(text, 11, 13), minute = digits(text, 14, 16), second = digits(text, 17, 19), ms = digits(text, 20, 23);
    if (year < 0 || month < 1 || month > 12 || day < 1 || hour < 0 || hour > 23 || minute < 0 || minute > 59 || second < 0 || second > 59 || ms < 0) return null;
    if (day > 28 && day > DAYS_OF[month - 1] && !(month === 2 && day === 29 && year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0))) return null;
    return [secondsOf(year, month, day, hour, minute, second), ms * 1e6];
}

const DAYS_OF = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];

function digits(text, from, to) {
    let n = 0;
    for (let at = from; at < to; at++) {
        const digit = text.charCodeAt(at) - 48;
        if (digit < 0 || digit > 9) return -1;
        n = n * 10 + digit;
    }
    return n;
}

// -- DateTime -----------------------------------------------------------------------------------------------------------

// What no text of a script's is.
const MADE = "\0made";

class DateTime {
    #time;

    constructor(date, zone) {
        this.#time = ZERO;
        if (typeof date !== "string" || date === "") {
            this.#time = timeOf(new Date());
            return;
        }
        if (date === MADE) return;
        const place = typeof zone === "string" && zone !== "" ? new Timezone(zone) : undefined;
        const parts = storedParts(date);
        this.#time = parts === null ? (parseTime(date, place) ?? ZERO).utc() : new Time(parts[0], parts[1], UTC);
    }

    static is(v) { return typeof v === "object" && v !== null && #time in v; }

    static $of(time) {
        const made = new DateTime(MADE);
        made.#time = time;
        return made;
    }

    time() { return this.#time; }
    add(duration) { return DateTime.$of(this.#time.add(duration)); }
    sub(u) { return this.#time.sub(asTime(u, "types.DateTime")); }
    addDate(years, months, days) { return DateTime.$of(this.#time.addDate(years, months, days)); }
    after(u) { return this.#time.after(asTime(u, "types.DateTime")); }
    before(u) { return this.#time.before(asTime(u, "types.DateTime")); }
    compare(u) { return this.#time.compare(asTime(u, "types.DateTime")); }
    equal(u) { return this.#time.equal(asTime(u, "types.DateTime")); }
    unix() { return this.#time.unix(); }
    isZero() { return this.#time.isZero(); }

    string() { return storedText(this.#time.$sec, this.#time.$ns); }

    toString() { return this.string(); }
    toJSON() { return this.string(); }
    value() { return this.string(); }
    marshalJSON() { return P.bytesOf(JSON.stringify(this.string())); }

    unmarshalJSON(b) {
        let raw;
        try { raw = JSON.parse(P.cast.text(b)); } catch (x) { throw P.goError(x.message); }
        if (raw !== null && typeof raw !== "string") throw P.goError(`json: cannot unmarshal ${typeof raw} into Go value of type string`);
        this.scan(raw ?? "");
    }

    scan(value) { this.#time = scanned(value); }
}
for (const name of ["toJSON"]) defineProperty(DateTime.prototype, name, { enumerable: false });

// The Time that a date field or `scan` makes of a value.
function scanned(value) {
    if (value instanceof Number) value = +value;
    if (typeof value === "string") return value === "" ? ZERO : (parseTime(value) ?? ZERO).utc();
    if (typeof value === "number") return Number.isSafeInteger(value) && !Object.is(value, -0) || abs(value) === 2 ** 53 ? new Time(value, 0, UTC) : ZERO;
    if (DateTime.is(value)) return value.time();
    if (Time.is(value)) return value.utc();
    if (value instanceof Date) return timeOf(value);
    return ZERO;
}

function dateText(value) {
    if (typeof value === "string") {
        if (value === "") return "";
        const parts = storedParts(value);
        if (parts !== null) return parts[0] === ZERO_SEC && parts[1] === 0 ? "" : value;
    }
    const time = scanned(value);
    return storedText(time.$sec, time.$ns);
}

function dateTime(text) {
    const parts = typeof text === "string" ? storedParts(text) : null;
    if (parts !== null) return DateTime.$of(new Time(parts[0], parts[1], UTC));
    return DateTime.$of(typeof text !== "string" || text === "" ? ZERO : (parseTime(text) ?? ZERO).utc());
}

Object.assign(P, { DateTime, parseTime, dateText, dateTime });
G.DateTime = P.callable(DateTime);
