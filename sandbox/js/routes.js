// A request on its way: the middlewares of scripts, and a route of theirs or of the server's own behind them.
//
// [number, head, pattern, values, steps, early, native]: a request, and the steps: a handler's number, or {native, args}
// for one of `$apis`; the first `early` of them come before the request's token is read. Behind the last one stands the
// server's own route, if it is one. Handlers see the errors of those behind them as the real one shows them, and those
// returned count as thrown.

// A script may keep the event for longer than the request takes.
const next = (e) => e.$request.chain?.next();
const step = (each) => (typeof each === "number" ? P.handler(each) : P.nativeStep(each.native, each.args));

class Chain {
    constructor(state, steps, early, native) {
        this.state = state;
        this.steps = steps;
        this.early = early;
        this.native = native;
        this.at = 0;
        this.event = new P.RequestEvent(state, P.app(P.appNumber()), next);
    }

    next() {
        const { at, steps, state } = this;
        if (state.early && at >= this.early) P.readToken(state);
        if (at > steps.length) return;
        this.at = at + 1;
        if (at === steps.length) {
            if (this.native) this.server();
            return;
        }
        let outcome;
        try {
            outcome = P.settle(step(steps[at])(this.event));
        } catch (error) {
            throw at === 0 ? error : P.errorIn(P.errorOut(error));
        }
        if (P.isGoError(outcome)) throw at === 0 ? outcome : P.errorIn(P.errorOut(outcome));
    }

    // The server's own route, in the transaction that the event is in, if any.
    server() {
        const { state, event } = this;
        const { response } = state;
        const changes = P.changesOf(state);
        if (response.header !== null && response.status === 0) changes.answer = P.headerPairs(response.header);
        if (response.status !== 0) P.tellAnswer(state); // what was written stands before the server's own
        const outer = state.native;
        state.native = true;
        let told;
        try {
            told = P.withApp(event.app.$own, () => P.host("request.next", state.q, event.app.$n, changes));
        } finally {
            state.native = outer;
        }
        if (told === null || told.status === 0) return;
        if (told.deferred) P.nativeWritten(state, told.status);
        else P.nativeStands(state, told.status);
    }
}

P.on("route", (order) => {
    const early = order[5];
    const state = P.routed(order[0], order[1], order[2], order[3]);
    if (early > 0) state.early = true;
    state.native = false;
    state.chain = new Chain(state, order[4], early, order[6]);
    try {
        return answered(state);
    } finally {
        P.forgetRequest(state);
    }
});

function answered(state) {
    let late;
    try {
        state.chain.next();
    } catch (error) {
        if (state.response.status === 0) {
            if (state.response.header !== null) P.host("request.answer", state.q, P.headerPairs(state.response.header));
            throw error;
        }
        late = P.errorOut(error);
    }
    if (late === undefined) {
        const plain = P.plainAnswerOf(state);
        if (plain !== undefined) return plain;
    }
    const answer = P.answerOf(state);
    answer.native = state.response.native;
    if (late !== undefined) answer.late = late;
    return answer;
}
