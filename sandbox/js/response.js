// `e.response`, and what writes it: status, headers and body are kept here until the script is done, or told to the host
// at once while one of the server's own routes is at work around the script.
//
//   P.newResponse()                         a request's response: {status, header, chunks, …}
//   P.httpResponse(state)                   `e.response`
//   P.put(state, status, type, body)        a body of that status and type; {text} | {binary} | {file}
//   P.answerOf(state)                       all of it, for the host
//   P.plainAnswerOf(state)                  [status, type, text] where that is all; else undefined
//
// A status is said once; what is written later is added to the body. The server's own answer counts as written: the host
// has it, and `chunks` follow it.

const { trunc } = Math;
const BODY_CHARS_MAX = 10 << 20;
const TOO_LARGE = "the response is too large: send files with e.fileFS";
const STATUS = { min: 100, max: 999 };

const text = (value) => P.goText(value);

class State {
    constructor() { this.chunks = []; }
}
// What most responses never come to have stands here.
Object.assign(State.prototype, {
    status: 0, header: null, sent: null, size: 0, native: false, gzip: false, object: null, type: "", unsent: false,
});
P.newResponse = () => new State();

// Nobody looks at them in most answers: the host tells of them when somebody does.
const headerOf = (state) => (state.response.header ??= P.Header(P.host("request.headers", state.q), () => {
    const { response } = state;
    if (response.status !== 0) return;
    if (state.native) sendHeaders(state);
    else response.unsent = true;
}));

// Headers without an answer, while one of the server's own routes is at work.
function sendHeaders(state) {
    state.response.unsent = false;
    P.host("request.answer", state.q, P.headerPairs(state.response.header));
}

// The status line goes out: from here on headers count no more.
function begin(state, status) {
    const { response } = state;
    if (response.status !== 0) return;
    const number = typeof status === "number" ? trunc(status) : P.cast.int(Number(status));
    if (!(number >= STATUS.min && number <= STATUS.max)) {
        response.status = 200;
        freeze(state);
        throw P.goError(`invalid WriteHeader code ${Number.isFinite(number) ? number : 0}`);
    }
    if (number < 200) return; // informational: another one follows
    response.status = number;
    freeze(state);
}

function freeze(state) {
    const { response } = state;
    response.sent = response.header === null ? null : P.headerPairs(response.header);
    if (state.native) tell(state);
}

function tell(state) {
    const { response } = state;
    P.host("request.write", state.q, P.answerOf(state), response.native);
    response.chunks = [];
}

P.tellAnswer = tell;

function sized(response, chunk) {
    const { text, binary } = chunk;
    const size = text?.length ?? binary?.length ?? 0;
    if (response.size + size > BODY_CHARS_MAX) throw P.goError(TOO_LARGE);
    return size;
}

function add(state, chunk, size = sized(state.response, chunk)) {
    const { response } = state;
    if (response.status === 0) begin(state, 200);
    response.size += size;
    if (size > 0 || chunk.file !== undefined) response.chunks.push(chunk);
    if (state.native && size > 0) tell(state);
}

P.put = (state, status, type, chunk) => {
    const { response } = state;
    const size = chunk === undefined ? 0 : sized(response, chunk);
    if (response.status === 0) {
        if (type !== null) {
            const { header } = response;
            if (header === null) response.type = type;
            else if (header.values("Content-Type").length === 0) header.set("Content-Type", type);
        }
        begin(state, status);
    }
    if (chunk !== undefined) add(state, chunk, size);
};

function joined(chunks) {
    if (chunks.length === 1) return chunks[0];
    if (chunks.every((chunk) => chunk.text !== undefined)) return { text: chunks.map((chunk) => chunk.text).join("") };
    return { binary: chunks.map((chunk) => chunk.binary ?? P.utf8(chunk.text ?? "")).join("") };
}

// null: nothing was written. `headers` are absent where nobody has looked at them.
P.answerOf = (state) => {
    const { response } = state;
    const out = { status: response.native ? 0 : response.status };
    const pairs = response.status !== 0 ? response.sent : response.header === null ? null : P.headerPairs(response.header);
    if (pairs !== null) out.headers = pairs;
    else if (response.type !== "") out.type = response.type;
    if (response.gzip) out.gzip = true;
    if (state.quiet) out.quiet = true;
    return response.chunks.length === 0 ? out : { ...out, ...joined(response.chunks) };
};

P.plainAnswerOf = (state) => {
    const { response } = state;
    const { chunks, status } = response;
    if (status === 0 || response.native || response.sent !== null || response.gzip || state.quiet || chunks.length !== 1) return undefined;
    const { text } = chunks[0];
    return text === undefined ? undefined : [status, response.type, text];
};

// The server's own answer stands, of that status; its headers are those of now.
P.nativeStands = (state, status) => {
    const { response } = state;
    if (response.status !== 0) return;
    if (response.unsent) sendHeaders(state);
    response.native = true;
    response.status = status;
};

// … but where a transaction is open, when that is committed.
P.nativeWritten = (state, status) => {
    const number = P.appNumber();
    const info = P.app(number < 0 ? -1 - number : number).txInfo();
    if (info === null) return void P.nativeStands(state, status);
    info.onComplete((failure) => { if (failure === null) P.nativeStands(state, status); });
};

class Response {
    #state;

    constructor(state) {
        this.#state = state;
    }

    get responseWriter() { return this; }
    unwrap() { return this; }
    header() { return headerOf(this.#state); }
    writeHeader(status) { begin(this.#state, status); }

    write(data) {
        const binary = P.binary(data);
        add(this.#state, { binary });
        return binary.length;
    }

    readFrom(reader) {
        const binary = P.readAll(reader);
        if (binary === undefined) throw new TypeError(`could not convert ${String(reader)} to io.Reader`);
        return this.write(P.array(binary));
    }

    flush() { begin(this.#state, 200); }
    flushError() { begin(this.#state, 200); }
    written() { return this.#state.response.status !== 0; }
    status() { return this.#state.response.status; }
    push() { throw P.goError("feature not supported"); }
    hijack() { throw P.goError("feature not supported"); }
}
P.hideMethods(Response);

P.httpResponse = (state) => (state.response.object ??= new Response(state));
