// Times as Go has them: Time, Duration, Month, Weekday, Timezone. PocketBase's DateTime is in datetime.js.
//
//   new P.Time(sec, ns, zone)      seconds since 1970, nanoseconds, a Timezone (UTC by default)
//   P.timeOf(date)                 a Time from a JavaScript Date
//   P.calendar                     what datetime.js shares with this file
//
// A moment is two numbers, because milliseconds are too coarse and nanoseconds since 1970 too many for one. What a zone
// far from UTC was at a moment only the host knows.

const { defineProperty } = Object;
const { floor, trunc, abs, min } = Math;
const ZERO_SEC = -62135596800;      // the first of January of the year 1
const DAY_S = 86400;
const MONTHS = ["January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November", "December"];
const DAYS = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"];
const SHORT_MONTHS = MONTHS.map((name) => name.slice(0, 3));

const pad = (n, width) => String(n).padStart(width, "0");
const integer = (v) => { const n = Number(v); return Number.isFinite(n) ? trunc(n) : 0; };

// -- the calendar -------------------------------------------------------------------------------------------------------

// Days since 1970 of a date; months and days may be beyond their bounds.
function daysOf(year, month, day) {
    const months = year * 12 + month - 1;
    const y = floor(months / 12) - (months - floor(months / 12) * 12 < 2 ? 1 : 0);
    const m = (months - floor(months / 12) * 12 + 10) % 12;
    const era = floor(y / 400);
    const ofEra = y - era * 400;
    const ofYear = floor((153 * m + 2) / 5);
    return era * 146097 + ofEra * 365 + floor(ofEra / 4) - floor(ofEra / 100) + ofYear - 719468 + day - 1;
}

function dateOf(days) {
    const z = days + 719468;
    const era = floor(z / 146097);
    const doe = z - era * 146097;
    const yoe = floor((doe - floor(doe / 1460) + floor(doe / 36524) - floor(doe / 146096)) / 365);
    const doy = doe - (365 * yoe + floor(yoe / 4) - floor(yoe / 100));
    const mp = floor((5 * doy + 2) / 153);
    const month = mp < 10 ? mp + 3 : mp - 9;
    return [yoe + era * 400 + (month <= 2 ? 1 : 0), month, doy - floor((153 * mp + 2) / 5) + 1];
}

const secondsOf = (year, month, day, hour, minute, second) => daysOf(year, month, day) * DAY_S + hour * 3600 + minute * 60 + second;

// -- kinds of numbers ---------------------------------------------------------------------------------------------------

const UNITS = [["h", 3600e9], ["m", 60e9]];

function durationText(ns) {
    if (ns === 0) return "0s";
    const sign = ns < 0 ? "-" : "";
    let rest = BigInt(trunc(abs(ns)));
    const part = (value, digits) => {
        const text = pad(value, digits + 1);
        return `${text.slice(0, -digits)}.${text.slice(-digits)}`.replace(/\.?0+$/, "");
    };
    if (rest < 1000n) return `${sign}${rest}ns`;
    if (rest < 1000000n) return `${sign}${part(rest, 3)}µs`;
    if (rest < 1000000000n) return `${sign}${part(rest, 6)}ms`;
    let out = "";
    for (const [unit, size] of UNITS) {
        const whole = rest / BigInt(size);
        if (whole > 0n || out) { out += `${whole}${unit}`; rest %= BigInt(size); }
    }
    return `${sign}${out}${part(rest, 9) || "0"}s`;
}

class Duration extends Number {
    string() { return durationText(+this); }
    toString() { return durationText(+this); }
    nanoseconds() { return +this; }
    microseconds() { return trunc(this / 1e3); }
    milliseconds() { return trunc(this / 1e6); }
    seconds() { return this / 1e9; }
    minutes() { return this / 60e9; }
    hours() { return this / 3600e9; }
    abs() { return new Duration(abs(this)); }
    truncate(m) { const d = integer(m); return new Duration(d <= 0 ? +this : this - (this % d)); }

    round(m) {
        const d = integer(m);
        if (d <= 0) return new Duration(+this);
        const rest = abs(this % d);
        const whole = abs(this) - rest;
        return new Duration((this < 0 ? -1 : 1) * (rest * 2 < d ? whole : whole + d));
    }
}

class Month extends Number {
    string() { return MONTHS[this - 1] ?? `%!Month(${+this})`; }
    toString() { return this.string(); }
}

class Weekday extends Number {
    string() { return DAYS[+this] ?? `%!Weekday(${+this})`; }
    toString() { return this.string(); }
}

// -- zones --------------------------------------------------------------------------------------------------------------

const zones = new Map();

class Timezone {
    #name;

    constructor(name) {
        this.#name = name === "Local" ? name : zoneName(name);
    }

    string() { return this.#name; }
    toString() { return this.#name; }
    toJSON() { return {}; }
}

function zoneName(name) {
    if (typeof name !== "string" || name === "" || name === "UTC") return "UTC";
    let found = zones.get(name);
    if (found === undefined) {
        found = P.host("time.zone", name) ? name : "UTC";
        if (zones.size < 1000) zones.set(name, found);
    }
    return found;
}

// Whether the zone never differs from UTC: that of the process is UTC.
const plainZone = (zone) => zone === UTC || zone.string() === "UTC" || zone.string() === "Local";
const UTC = new Timezone("UTC");
const LOCAL = new Timezone("Local");
const FIXED = new WeakMap();

function fixedZone(offset) {
    const zone = new Timezone("UTC");
    FIXED.set(zone, [offset, "", false, null, null]);
    return zone;
}

// [seconds east of UTC, abbreviation, whether it is summer time, the moments at which this begins and ends]
function zoneAt(zone, sec, wall = false) {
    const fixed = FIXED.get(zone);
    if (fixed !== undefined) return fixed;
    if (plainZone(zone)) return [0, "UTC", false, null, null];
    return P.host("time.offset", zone.string(), sec, wall);
}

// -- Time ---------------------------------------------------------------------------------------------------------------

const LAYOUT = /January|Jan|Monday|Mon|MST|2006|-07:00:00|-070000|-07:00|-0700|-07|Z07:00:00|Z070000|Z07:00|Z0700|Z07|_2006|__2|_2|002|01|02|03|04|05|06|15|PM|pm|[.,](?:0+|9+)(?!\d)|[1-5]/g;

function offsetText(offset, colon, seconds, short) {
    const size = abs(offset);
    const sep = colon ? ":" : "";
    let out = (offset < 0 ? "-" : "+") + pad(floor(size / 3600), 2);
    if (short) return out;
    out += sep + pad(floor((size % 3600) / 60), 2);
    return seconds ? out + sep + pad(size % 60, 2) : out;
}

class Time {
    #sec;
    #ns;
    #zone;

    constructor(sec, ns, zone) {
        this.#sec = sec;
        this.#ns = ns;
        this.#zone = zone ?? UTC;
    }

    static is(v) { return typeof v === "object" && v !== null && #sec in v; }

    // what the other classes of this file read
    get $sec() { return this.#sec; }
    get $ns() { return this.#ns; }

    $local() {
        const [offset, name, dst] = zoneAt(this.#zone, this.#sec);
        const local = this.#sec + offset;
        const days = floor(local / DAY_S);
        const [year, month, day] = dateOf(days);
        const rest = local - days * DAY_S;
        return { year, month, day, days, hour: floor(rest / 3600), minute: floor((rest % 3600) / 60), second: rest % 60, offset, name, dst };
    }

    string() { return this.format("2006-01-02 15:04:05.999999999 -0700 MST"); }
    toString() { return this.string(); }
    toJSON() { return this.format("2006-01-02T15:04:05.999999999Z07:00"); }
    marshalJSON() { return P.bytesOf(JSON.stringify(this.toJSON())); }
    marshalText() { return P.bytesOf(this.toJSON()); }
    appendText(b) { return [...(b ?? []), ...P.bytesOf(this.toJSON())]; }

    unmarshalJSON(data) {
        const text = P.cast.text(data);
        if (text === "null") return;
        this.unmarshalText(text.replace(/^"|"$/g, ""));
    }

    unmarshalText(data) {
        const text = P.cast.text(data);
        const found = /^\d{4}-\d\d-\d\dT/.test(text) ? parseTime(text) : null;
        if (found === null) throw P.goError(`parsing time ${JSON.stringify(text)} as "2006-01-02T15:04:05Z07:00": cannot parse ${JSON.stringify(text)} as "2006"`);
        this.#sec = found.$sec;
        this.#ns = found.$ns;
        this.#zone = found.location();
    }

    goString() {
        const t = this.$local();
        const zone = plainZone(this.#zone) ? (this.#zone.string() === "Local" ? "time.Local" : "time.UTC") : `time.Location(${JSON.stringify(this.#zone.string())})`;
        return `time.Date(${t.year}, time.${MONTHS[t.month - 1]}, ${t.day}, ${t.hour}, ${t.minute}, ${t.second}, ${this.#ns}, ${zone})`;
    }

    format(layout) {
        const t = this.$local();
        return String(layout).replace(LAYOUT, (token, at, whole) => this.#part(t, token, at === 0 ? "" : whole[at - 1]));
    }

    appendFormat(b, layout) { return [...(b ?? []), ...P.bytesOf(this.format(layout))]; }

    #part(t, token, before) {
        switch (token) {
            case "January": return MONTHS[t.month - 1];
            case "Jan": return SHORT_MONTHS[t.month - 1];
            case "Monday": return DAYS[this.#weekday(t)];
            case "Mon": return DAYS[this.#weekday(t)].slice(0, 3);
            case "MST": return t.name || offsetText(t.offset, false, false, t.offset % 3600 === 0);
            case "2006": return t.year < 0 ? `-${pad(-t.year, 4)}` : pad(t.year, 4);
            case "_2006": return `_${pad(t.year, 4)}`;
            case "06": return pad(((t.year % 100) + 100) % 100, 2);
            case "01": return pad(t.month, 2);
            case "1": return String(t.month);
            case "02": return pad(t.day, 2);
            case "_2": return String(t.day).padStart(2);
            case "2": return String(t.day);
            case "002": return pad(this.yearDay(), 3);
            case "__2": return String(this.yearDay()).padStart(3);
            case "15": return pad(t.hour, 2);
            case "03": return pad(t.hour % 12 || 12, 2);
            case "3": return String(t.hour % 12 || 12);
            case "04": return pad(t.minute, 2);
            case "4": return String(t.minute);
            case "05": return pad(t.second, 2);
            case "5": return String(t.second);
            case "PM": return t.hour < 12 ? "AM" : "PM";
            case "pm": return t.hour < 12 ? "am" : "pm";
        }
        if (token[0] === "." || token[0] === ",") {
            if (token[1] === "0" && before === "") return token;
            const digits = pad(this.#ns, 9).slice(0, min(9, token.length - 1));
            if (token[1] === "0") return token[0] + digits;
            const short = digits.replace(/0+$/, "");
            return short ? token[0] + short : "";
        }
        if (token[0] === "Z") {
            if (t.offset === 0) return "Z";
            token = `-${token.slice(1)}`;
        }
        return offsetText(t.offset, token.includes(":"), token.length > 6, token.length === 3);
    }

    #weekday(t) { return (((t.days + 4) % 7) + 7) % 7; }

    isZero() { return this.#sec === ZERO_SEC && this.#ns === 0; }
    after(u) { return this.compare(u) > 0; }
    before(u) { return this.compare(u) < 0; }
    equal(u) { return this.compare(u) === 0; }

    compare(u) {
        const other = asTime(u, "time.Time");
        return Math.sign(this.#sec - other.$sec || this.#ns - other.$ns);
    }

    date() { const t = this.$local(); return [t.year, new Month(t.month), t.day]; }
    clock() { const t = this.$local(); return [t.hour, t.minute, t.second]; }
    year() { return this.$local().year; }
    month() { return new Month(this.$local().month); }
    day() { return this.$local().day; }
    weekday() { return new Weekday(this.#weekday(this.$local())); }
    hour() { return this.$local().hour; }
    minute() { return this.$local().minute; }
    second() { return this.$local().second; }
    nanosecond() { return this.#ns; }
    yearDay() { const t = this.$local(); return t.days - daysOf(t.year, 1, 1) + 1; }

    isoWeek() {
        const t = this.$local();
        const thursday = t.days + 3 - ((this.#weekday(t) + 6) % 7);
        const [year] = dateOf(thursday);
        return [year, floor((thursday - daysOf(year, 1, 1)) / 7) + 1];
    }

    add(d) {
        const by = integer(d);
        const seconds = trunc(by / 1e9);
        let ns = this.#ns + (by - seconds * 1e9);
        const carry = floor(ns / 1e9);
        ns -= carry * 1e9;
        return new Time(this.#sec + seconds + carry, ns, this.#zone);
    }

    sub(u) {
        const other = asTime(u, "time.Time");
        return new Duration((this.#sec - other.$sec) * 1e9 + (this.#ns - other.$ns));
    }

    addDate(years, months, days) {
        const t = this.$local();
        const wall = secondsOf(t.year + integer(years), t.month + integer(months), t.day + integer(days), t.hour, t.minute, t.second);
        return new Time(wall - zoneAt(this.#zone, wall, true)[0], this.#ns, this.#zone);
    }

    utc() { return this.#zone === UTC ? this : new Time(this.#sec, this.#ns, UTC); }
    local() { return new Time(this.#sec, this.#ns, LOCAL); }

    in(zone) {
        if (!(zone instanceof Timezone)) throw P.goError("time: missing Location in call to Time.In");
        return new Time(this.#sec, this.#ns, zone);
    }

    location() { return this.#zone; }
    zone() { const [offset, name] = zoneAt(this.#zone, this.#sec); return [name, offset]; }

    zoneBounds() {
        const [, , , from, to] = zoneAt(this.#zone, this.#sec);
        return [from, to].map((sec) => (sec === null ? ZERO : new Time(sec, 0, this.#zone)));
    }

    isDST() { return zoneAt(this.#zone, this.#sec)[2]; }
    unix() { return this.#sec; }
    unixMilli() { return this.#sec * 1e3 + floor(this.#ns / 1e6); }
    unixMicro() { return this.#sec * 1e6 + floor(this.#ns / 1e3); }
    unixNano() { return Number(BigInt(this.#sec) * 1000000000n + BigInt(this.#ns)); }

    truncate(d) { return this.#rounded(integer(d), false); }
    round(d) { return this.#rounded(integer(d), true); }

    #rounded(d, half) {
        if (d <= 0) return new Time(this.#sec, this.#ns, this.#zone);
        // since the year 1, as Go counts
        const all = BigInt(this.#sec - ZERO_SEC) * 1000000000n + BigInt(this.#ns);
        const rest = Number(((all % BigInt(d)) + BigInt(d)) % BigInt(d));
        return this.add(half && rest * 2 >= d ? d - rest : -rest);
    }
}
for (const name of ["$sec", "$ns", "$local", "toJSON"]) defineProperty(Time.prototype, name, { enumerable: false });

const ZERO = new Time(ZERO_SEC, 0, UTC);

// The Time that a parameter is, which is a DateTime or a Time and never one for the other: nothing else has a moment.
function asTime(v, kind) {
    if (kind === "types.DateTime" ? P.DateTime.is(v) : Time.is(v)) return kind === "types.DateTime" ? v.time() : v;
    if (v === null || v === undefined) return ZERO;
    if (typeof v === "object") return v instanceof Date && kind === "time.Time" ? timeOf(v) : ZERO;
    throw new TypeError(`could not convert function call parameter 0: could not convert ${String(v)} to ${kind}`);
}

function timeOf(date) {
    const ms = date.getTime();
    if (Number.isNaN(ms)) return ZERO;
    const sec = floor(ms / 1000);
    return new Time(sec, (ms - sec * 1000) * 1e6, UTC);
}

Object.assign(P, { Time, Duration, Month, Weekday, Timezone, timeOf, durationText });
P.calendar = { daysOf, dateOf, secondsOf, asTime, plainZone, zoneAt, fixedZone, pad, ZERO, ZERO_SEC, DAY_S, UTC, DAYS, SHORT_MONTHS };

// As in the real one, `new` may be left out.
P.callable = (Class) => new Proxy(Class, { apply: (target, self, args) => new target(...args) });
G.Timezone = P.callable(Timezone);
