"""Go's regular expressions: the same patterns are refused with the same words, the others match and generate."""

import re
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from worker.fields import patterns

REFUSED = {
    "[": "missing closing ]: `[`",
    "[a": "missing closing ]: `[a`",
    "(": "missing closing ): `(`",
    "(?:a": "missing closing ): `(?:a`",
    "a)": "unexpected ): `a)`",
    "*": "missing argument to repetition operator: `*`",
    "+a": "missing argument to repetition operator: `+`",
    "a|*": "missing argument to repetition operator: `*`",
    "a**": "invalid nested repetition operator: `**`",
    "x{2}{3}": "invalid nested repetition operator: `{2}{3}`",
    "a{1001}": "invalid repeat count: `{1001}`",
    "a{2,1}": "invalid repeat count: `{2,1}`",
    "\\y": "invalid escape sequence: `\\y`",
    "\\1": "invalid escape sequence: `\\1`",
    "\\xg": "invalid escape sequence: `\\xg`",
    "\\x{110000}": "invalid escape sequence: `\\x{110000`",
    "[a-\\d]": "invalid escape sequence: `\\d`",
    "\\": "trailing backslash at end of expression: ``",
    "[z-a]": "invalid character class range: `z-a`",
    "[[:foo:]]": "invalid character class range: `[:foo:]`",
    "\\pX": "invalid character class range: `\\pX`",
    "(?=a)": "invalid or unsupported Perl syntax: `(?=`",
    "(?!x)": "invalid or unsupported Perl syntax: `(?!`",
    "(?z)": "invalid or unsupported Perl syntax: `(?z`",
    "(?P=n)": "invalid or unsupported Perl syntax: `(?P`",
    "(?<=a)": "invalid named capture: `(?<=a)`",
}
# pattern → texts it is found in, texts it is not found in
FOUND: dict[str, tuple[list[str], list[str]]] = {
    "^[a-z0-9]+$": (["a", "z9"], ["", "A", "a\n", "a b"]),
    "a{2,3}": (["aa", "xaaax"], ["a", "aba"]),
    "a{,3}": (["a{,3}"], ["aaa"]),
    "^(?i)aBc$": (["abc", "ABC"], ["abd"]),
    "^(?i:a)b$": (["Ab", "ab"], ["aB"]),
    "^.$": (["é", "😀"], ["\n", ""]),
    "(?s)^.$": (["\n"], ["ab"]),
    "(?m)^b$": (["a\nb\nc"], ["ab"]),
    "^\\d\\D\\w\\W\\s\\S$": (["1a_- x"], ["aaaaaa", "1a_-xx"]),
    "^\\Qa.b\\E+$": (["a.bb"], ["axb"]),
    "\\bfoo\\b": (["a foo b", "foo"], ["food", "xfoo"]),
    "foo\\B": (["food"], ["foo", "foo "]),
    "^[[:alpha:]]+$": (["aB"], ["a1", "é"]),
    "^[^a-c]$": (["d", "\n"], ["a"]),
    "^[]a]$": (["]", "a"], ["b"]),
    "^[a-]$": (["-", "a"], ["b"]),
    "^\\p{Lu}\\pN\\PL$": (["É5!"], ["é5!", "É5a"]),
    "^\\x41\\x{1F600}\\101\\n$": (["A😀A\n"], ["a"]),
    "^(?P<n>a)(?<m>b)$": (["ab"], ["a"]),
    "a|b|^$": (["xb", "", "a"], ["c"]),
    "^(a|b)*c$": (["c", "ababc"], ["abd"]),
    "^(a+)+$": (["aaaa"], ["aaab"]),
    "\\Aa\\z": (["a"], ["a\n", "ba"]),
}


@pytest.mark.parametrize("pattern", REFUSED)
def test_refused(pattern: str) -> None:
    error = patterns.check(pattern)
    assert error is not None
    assert error.code == "validation_invalid_regex"
    assert error.message == f"error parsing regexp: {REFUSED[pattern]}"
    assert not patterns.matches(pattern, "a")
    assert patterns.generate(pattern) == ""


@pytest.mark.parametrize("pattern", FOUND)
def test_found(pattern: str) -> None:
    assert patterns.check(pattern) is None
    good, bad = FOUND[pattern]
    for text in good:
        assert patterns.matches(pattern, text), text
    for text in bad:
        assert not patterns.matches(pattern, text), text


@pytest.mark.parametrize("pattern", ["[a-z0-9]{15}", "[A-Z]{3}-\\d{2,4}(x|yy)?", ".{3,5}", "(?i)abc+", "\\w*@\\PL"])
def test_generated_texts_match(pattern: str) -> None:
    texts = [patterns.generate(pattern) for _ in range(200)]
    assert all(re.fullmatch(".*", text, re.DOTALL) and patterns.matches(f"^(?:{pattern})$", text) for text in texts)
    assert len(set(texts)) > 10


@pytest.mark.parametrize("pattern", ["^(a+)+$", "^(a|a)*$", "(x+x+)+y", "a*a*a*a*a*a*b", "^(\\w+\\s?)*$"])
def test_time_is_linear(pattern: str) -> None:
    text = "a" * 3000 + "!" if "x" not in pattern else "x" * 3000
    start = time.process_time()
    assert not patterns.matches(pattern, text)
    assert time.process_time() - start < 4


# Patterns that Python's engine and Go's read in the same way.
_ATOMS = st.sampled_from(["a", "b", ".", "[ab]", "[^a]", "\\d", "\\w", "\\b", "^", "$"])
_QUANTIFIED = st.tuples(
    _ATOMS.filter(lambda atom: atom not in "^$\\b"), st.sampled_from(["", "*", "+", "?", "{2}", "{1,3}"])
)
_PIECES = st.one_of(_ATOMS, _QUANTIFIED.map("".join))
_SEQUENCES = st.lists(_PIECES, min_size=1, max_size=4).map("".join)
_GROUPS = st.tuples(_SEQUENCES, _SEQUENCES, st.sampled_from(["", "*", "+", "?"])).map(
    lambda p: f"(?:{p[0]}|{p[1]}){p[2]}"
)


@settings(max_examples=150, deadline=None)
@given(st.lists(st.one_of(_SEQUENCES, _GROUPS), min_size=1, max_size=3).map("".join), st.text("ab1 \n", max_size=8))
def test_agrees_with_python(pattern: str, text: str) -> None:
    expected = re.search(pattern.replace("$", r"\Z"), text, re.ASCII) is not None
    assert patterns.matches(pattern, text) is expected


@settings(max_examples=200, deadline=None)
@given(st.text(st.sampled_from("ab()[]{}*+?|\\^$.-:,0123PQEpdwxi<>=! é\n"), max_size=20))
def test_any_text_is_a_pattern_or_a_clean_error(pattern: str) -> None:
    error = patterns.check(pattern)
    assert error is None or error.message.startswith("error parsing regexp: ")
    assert patterns.matches(pattern, "ab01 é") in ({False} if error else {False, True})
    assert patterns.generate(pattern) == "" or error is None
