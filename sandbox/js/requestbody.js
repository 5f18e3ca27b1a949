// The body of a request: as text, as a form, as uploaded files, bound to a model.
//
//   P.bodyReader(state)         `e.request.body`: read once; who parses it as JSON begins anew
//   P.formOf(state)             {posted, values} of pairs, the latter with the query's, {files}, isMultipart
//   P.uploadsOf(state, key)     the files of a field
//   P.bindBody(state, dst)      into a DynamicModel, or something of Go's

const { defineProperty, keys, hasOwn } = Object;
const PIECE_BYTES = 8 << 20;

const text = (value) => P.goText(value);

// All of it, as a binary string.
function bodyOf(state) {
    if (state.body === null) {
        let whole = "";
        for (;;) {
            const piece = P.host("request.body", state.q, whole.length, PIECE_BYTES);
            whole += piece;
            if (piece.length < PIECE_BYTES) break;
        }
        state.body = { whole, at: 0 };
    }
    return state.body;
}

P.bodyReader = (state) => {
    const reader = {};
    const take = (bytesMax) => {
        const body = bodyOf(state);
        const part = bytesMax === undefined ? body.whole.slice(body.at) : body.whole.slice(body.at, body.at + bytesMax);
        body.at += part.length;
        return part;
    };
    P.reader(reader, take);
    const methods = {
        close() {},
        reread() { if (state.body !== null) state.body.at = 0; },
        read() { throw P.goError("the body is read by readerToString or toBytes"); },
    };
    for (const name of keys(methods)) defineProperty(reader, name, { value: methods[name], enumerable: false });
    return reader;
};

// Whoever has read JSON begins anew; a form is gone.
P.rewindBody = (state) => {
    const kind = state.lookedHeader ? state.request.header.get("Content-Type") : state.type;
    if (kind.startsWith("application/json")) {
        if (state.body !== null) state.body.at = 0;
    } else state.body = { whole: "", at: 0 };
};

// The form in the query and the body: {values, posted} of pairs, and `files`.
P.formOf = (state) => {
    if (state.form !== undefined) return state.form;
    const told = P.host("request.form", state.q);
    const query = P.pairsOf(state.asked);
    state.form = { posted: told.values, values: [...told.values, ...query], files: told.files, isMultipart: told.isMultipart };
    if (state.body !== null && told.values.length > 0) state.body.at = state.body.whole.length;
    return state.form;
};

class UploadHeader {
    constructor(state, told) {
        this.filename = told.filename;
        this.header = P.Header([["Content-Disposition", told.disposition], ...(told.type === null ? [] : [["Content-Type", told.type]])]);
        this.size = told.size;
        defineProperty(this, "open", { value: () => uploaded(state, told).reader.open(), enumerable: true });
    }
}


function uploaded(state, told) {
    const read = () => {
        let whole = "";
        while (whole.length < told.size) {
            const piece = P.host("request.file", state.q, told.number, whole.length, PIECE_BYTES);
            if (piece === "") break;
            whole += piece;
        }
        return whole;
    };
    const reader = P.fileReader({}, read);
    return P.newFile(reader, told.filename, told.size, /\.[A-Za-z0-9]+$/.test(told.filename) ? "" : read());
}

P.uploadsOf = (state, key) => {
    const { files, isMultipart } = P.formOf(state);
    if (!isMultipart) throw P.goError("request Content-Type isn't multipart/form-data");
    const found = files.filter((each) => each.field === text(key));
    if (found.length === 0) throw P.goError("http: no such file");
    return found.map((each) => uploaded(state, each));
};

const NOT_A_POINTER = "value must be passed as a non-nil pointer reference";

function refusal(dst) {
    if (dst === null || dst === undefined) return `json: cannot unmarshal: ${NOT_A_POINTER}`;
    const type = typeof dst === "string" ? "string" : typeof dst === "boolean" ? "bool" : typeof dst === "number" ? "int64"
        : Array.isArray(dst) ? "[]interface {}" : typeof dst === "function" ? "func(goja.FunctionCall) goja.Value" : "map[string]interface {}";
    return `json: cannot unmarshal into Go ${type}: ${NOT_A_POINTER}`;
}

P.bindBody = (state, dst) => {
    const told = P.host("request.bind", state.q);
    if (told === null) return;
    P.rewindBody(state);
    const dynamic = P.dynamic(dst);
    if (dynamic === undefined && !P.isGo(dst)) throw P.goError(refusal(dst));
    if (told.json !== undefined) return void (dynamic === undefined ? P.unmarshal(told.json, dst) : bindMembers(dynamic, JSON.parse(told.json)));
    if (dynamic === undefined) throw P.goError("a form can be bound to a DynamicModel only");
    bindForm(dynamic, told.pairs);
};

const INTEGERS = /^u?int/;

function fits(value, type) {
    const kind = String(type);
    if (value === null) return true;
    if (kind === "string") return typeof value === "string";
    if (kind === "bool") return typeof value === "boolean";
    if (INTEGERS.test(kind)) return Number.isInteger(value);
    return kind.startsWith("float") ? typeof value === "number" : true;
}

// Members match in any case, each of them once.
function bindMembers(dynamic, members) {
    if (members === null) return;
    const columns = new Map(dynamic.columns.map((column) => [column.key.toLowerCase(), column]));
    const seen = new Set();
    for (const name of keys(members)) {
        const column = columns.get(name.toLowerCase());
        if (column === undefined) continue;
        if (seen.has(column)) throw P.goError(`jsontext: duplicate object member name ${JSON.stringify(name)}`);
        seen.add(column);
        if (!fits(members[name], column.type)) {
            throw P.goError(`json: cannot unmarshal JSON ${P.jsonKind(members[name])} into Go ${String(column.type)} within "/${name}"`);
        }
        dynamic.set(column.key, members[name]);
    }
}

const SCALAR = /^(?:int|number|float|bool)/;
const PLAIN_NUMBER = /^-?(?:0|[1-9]\d*)(?:\.\d*[1-9])?$/;
const WHOLE = /^[+-]?\d+$/;
const NUMBER = /^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$/;
const FLAGS = { 1: true, t: true, T: true, TRUE: true, true: true, True: true, 0: false, f: false, F: false, FALSE: false, false: false, False: false };

function bindForm(dynamic, pairs) {
    const columns = new Map(dynamic.columns.map((column) => [column.key, column]));
    const seen = new Set();
    for (const [name, value] of pairs) {
        const column = columns.get(name);
        if (name === "@jsonPayload") {
            const members = JSON.parse(value);
            for (const key of keys(members ?? {})) if (columns.has(key)) dynamic.set(key, members[key]);
            continue;
        }
        if (column === undefined || seen.has(name)) continue;
        seen.add(name);
        dynamic.set(name, scanned(value, column, pairs));
    }
}

// Of a list of anything.
function inferred(value) {
    if (value === "true" || value === "false") return value === "true";
    return PLAIN_NUMBER.test(value) && (value === "-0" || String(Number(value)) === value) ? Number(value) : value;
}

function scanned(value, { key, type }, pairs) {
    const kind = String(type);
    if (value === "" && SCALAR.test(kind)) return null; // that of the type which says nothing
    if (kind.startsWith("int") || kind === "number") {
        if (!WHOLE.test(value)) throw P.goError(`strconv.ParseInt: parsing ${JSON.stringify(value)}: invalid syntax`);
        return Number(value);
    }
    if (kind.startsWith("float")) {
        if (!NUMBER.test(value)) throw P.goError(`strconv.ParseFloat: parsing ${JSON.stringify(value)}: invalid syntax`);
        return Number(value);
    }
    if (kind.startsWith("bool")) {
        if (!hasOwn(FLAGS, value)) throw P.goError(`strconv.ParseBool: parsing ${JSON.stringify(value)}: invalid syntax`);
        return FLAGS[value];
    }
    if (kind.startsWith("list") || kind.startsWith("array")) return pairs.filter((pair) => pair[0] === key).map((pair) => inferred(pair[1]));
    if (kind === "object") throw P.goError("unknown value type map");
    return value;
}

P.uploadHeader = (state, told) => new UploadHeader(state, told);
