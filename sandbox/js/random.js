// `Math.random`: the engine's own generator was seeded before the processes were forked, so that each of them, whoever's
// it is, would draw the same numbers in the same order. This one (xoshiro128**) takes its seed from the kernel at its
// first use. Like any other it is not for secrets: `$security` is.

const { imul } = Math;
const { defineProperty } = Object;
let a = 0, b = 0, c = 0, d = 0;

function word() {
    if ((a | b | c | d) === 0) ({ 0: a, 1: b, 2: c, 3: d } = P.seed());
    let result = imul(b, 5);
    result = imul((result << 7) | (result >>> 25), 9);
    const shifted = b << 9;
    c ^= a;
    d ^= b;
    b ^= c;
    a ^= d;
    c ^= shifted;
    d = (d << 11) | (d >>> 21);
    return result >>> 0;
}

const { random } = {
    random() {
        return ((word() >>> 5) * 67108864 + (word() >>> 6)) / 9007199254740992;
    },
};

defineProperty(G.Math, "random", { value: random, writable: true, enumerable: false, configurable: true });
