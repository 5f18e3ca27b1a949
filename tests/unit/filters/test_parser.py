"""Text to tree: the grammar, its errors in the real one's words, its limits."""

import contextlib
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.filters.nodes import All, Any, Call, Comparison, FilterError, Name, Number, Text, write
from worker.filters.parser import COMPARISONS_MAX, FILTER_CHARS_MAX, parse
from worker.filters.scanner import SIGNS

A, B, C, D = (Comparison(Name(name), "=", Number(1)) for name in "abcd")


@pytest.mark.parametrize(
    ("text", "tree"),
    [
        ("a=1", A),
        (" \t\r\n a = 1 \n", A),
        ("((a=1))", A),
        ("a=1 && b=1", All((A, B))),
        ("a=1||b=1&&c=1", Any((A, All((B, C))))),
        ("(a=1||b=1)&&c=1", All((Any((A, B)), C))),
        ("a=1&&(b=1&&(c=1||d=1))", All((A, B, Any((C, D))))),
        ("(a=1)(b=1)", All((A, B))),
        ("a=1 (b=1) || c=1", Any((All((A, B)), C))),
        ("a=1||(b=1)(c=1)", Any((A, B, C))),
        ("a=1 // and so on", A),
        ("// first\na // name\n = 1 //", A),
        ("1 ?!~ 'x'", Comparison(Number(1), "?!~", Text("x"))),
        ("a='it\\'s'", Comparison(Name("a"), "=", Text("it's"))),
        ('a="it\'s \\"q\\""', Comparison(Name("a"), "=", Text('it\'s "q"'))),
        ("a='x\\\\'", Comparison(Name("a"), "=", Text("x\\"))),
        ("a='x\\ny\\u0041'", Comparison(Name("a"), "=", Text("x\\ny\\u0041"))),
        ("a='// (no) comment'", Comparison(Name("a"), "=", Text("// (no) comment"))),
        ("(a=')')", Comparison(Name("a"), "=", Text(")"))),
        ("a=''&&b=1", All((Comparison(Name("a"), "=", Text("")), B))),
        ("a=-1.50", Comparison(Name("a"), "=", Number(-1.5))),
        ("a=-.5", Comparison(Name("a"), "=", Number(-0.5))),
        ("a=00.10", Comparison(Name("a"), "=", Number(0.1))),
        ("a=99999999999999999999", Comparison(Name("a"), "=", Number(1e20))),
        ("@request.auth.id:lower=1", Comparison(Name("@request.auth.id:lower"), "=", Number(1))),
        ("f()=1", Comparison(Call("f", ()), "=", Number(1))),
        ("f(1, 'x' // c\n , y,)=1", Comparison(Call("f", (Number(1), Text("x"), Name("y"))), "=", Number(1))),
        ("a (b=1)", B),
        ("a = (b=1)", B),
        ("a=1 || 'x' = (b=1) && c=1", Any((A, All((B, C))))),
        ("a=1\0&&\0b=1", All((A, B))),
        ("a='1'\0&&\0b=1", Comparison(Name("a"), "=", Text("1"))),
        ("a\0=\0001\0\0 b", A),
        ("a//\0=1\0", A),
        ("__=1", Comparison(Name("__"), "=", Number(1))),
        ("a='x\\\"y'", Comparison(Name("a"), "=", Text('x"y'))),
        ("f(g(h(1)))=1", Comparison(Call("f", (Call("g", (Call("h", (Number(1),)),)),)), "=", Number(1))),
        ("f(g(1),2)=1", Comparison(Call("f", (Call("g", (Number(1),)), Number(2))), "=", Number(1))),
    ],
)
def test_trees(text, tree):
    assert parse(text) == tree


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "empty filter expression"),
        ("  ", "empty filter expression"),
        ("// x", "empty filter expression"),
        ("()", "empty filter expression"),
        ("a=1 ()", "empty filter expression"),
        ("a", "invalid or incomplete filter expression"),
        ("a=", "invalid or incomplete filter expression"),
        ("a=1 &&", "invalid or incomplete filter expression"),
        ("a=(1)", "invalid or incomplete filter expression"),
        ("a=1 && b", "invalid or incomplete filter expression"),
        ("a (b=1) = 5", 'expected && or ||, got "=" (sign)'),
        ("a= =1", 'expected right operand (identifier, function text or number), got "=" (sign)'),
        ("(a)=1", "invalid or incomplete filter expression"),
        ("=1", 'expected left operand (identifier, function, text or number), got "=" (sign)'),
        ("&& a=1", 'expected left operand (identifier, function, text or number), got "&&" (join)'),
        ("a=1 || || b=1", 'expected left operand (identifier, function, text or number), got "||" (join)'),
        ("1 && 1", 'expected a sign operator, got "&&" (join)'),
        ("not a=1", 'expected a sign operator, got "a" (identifier)'),
        ("a=1 and b=1", 'expected && or ||, got "and" (identifier)'),
        ("a='a' 'b'", 'expected && or ||, got "b" (text)'),
        ("a ~ 'a' ~ 'b'", 'expected && or ||, got "~" (sign)'),
        ("a=1e5", 'expected && or ||, got "e5" (identifier)'),
        ("a==1", 'invalid sign operator "=="'),
        ("a<>1", 'invalid sign operator "<>"'),
        ("!a=1", 'invalid sign operator "!"'),
        ("a=1 & b=1", 'invalid join operator "&"'),
        ("a=1 ||| b=1", 'invalid join operator "|||"'),
        ("(a=1", "invalid formatted group - missing 1 closing bracket(s)"),
        ("(a='x)", 'invalid quoted text "\'x)"'),
        ("(a=1 // '\n)", 'invalid quoted text "\'\\n)"'),
        ("(a=1 // )\n)", "unexpected character ')'"),
        ("a=1)", "unexpected character ')'"),
        ("a=`x`", "unexpected character '`'"),
        ("a=+1", "unexpected character '+'"),
        (".a=1", "unexpected character '.'"),
        ("ü=1", "unexpected character 'ü'"),
        ("a=\u00a01", "unexpected character '\\u00a0'"),
        ("a='x", 'invalid quoted text "\'x"'),
        ("a='\\'x\\\"\\\\", 'invalid quoted text "\'\'x\\"\\\\"'),
        ("a='x\0y'", 'invalid quoted text "\'x"'),
        ("\0a=1", "empty filter expression"),
        ("(a=1\0\0)", "invalid formatted group - missing 1 closing bracket(s)"),
        ("a=1\0b", 'expected && or ||, got "b" (identifier)'),
        ("a=1.", 'invalid number "1."'),
        ("a=- 1", 'invalid number "-"'),
        ("a.=1", 'invalid identifier "a."'),
        ("a:=1", 'invalid identifier "a:"'),
        ("_=1", 'invalid identifier "_"'),
        ("f.(1)=1", 'invalid function name "f."'),
        ("@=1", 'invalid identifier "@"'),
        ("a=1/2", "invalid comment"),
        ("f(", "invalid or incomplete function \"f\" (expected ')')"),
        ("f(,1)=1", 'unexpected comma in function "f"'),
        ("f(1,,2)=1", 'unexpected comma in function "f"'),
        ("f(1 2)=1", 'expected comma after the last argument in function "f"'),
        ("f((1))=1", "unsupported argument character '(' in function \"f\""),
        ("f('x", 'invalid text argument "\'x" in function "f": invalid quoted text "\'x"'),
        ("f(-)=1", 'invalid number argument "-" in function "f": invalid number "-"'),
        ("f(1, f.())=1", 'invalid identifier argument "f." in function "f": invalid function name "f."'),
        ("f(\0)=1", "invalid or incomplete function \"f\" (expected ')')"),
        (
            "f(g(h(i(1))))=1",
            'invalid identifier argument "g" in function "f": invalid identifier argument "h" in function "g":'
            ' invalid identifier argument "i" in function "h": max nested function arguments reached (max: 3)',
        ),
    ],
)
def test_errors_are_the_real_ones(text, message):
    with pytest.raises(FilterError) as caught:
        parse(text)
    assert str(caught.value) == message


def test_limits():
    most = "||".join(["a=1"] * COMPARISONS_MAX)
    assert len(parse(most).parts) == COMPARISONS_MAX
    with pytest.raises(FilterError, match="max filter expressions"):
        parse(f"({most}) && a=1")
    fits = "a='" + "x" * (FILTER_CHARS_MAX - 4) + "'"
    assert parse(fits, FILTER_CHARS_MAX)
    with pytest.raises(FilterError, match="length"):
        parse(fits + " ", FILTER_CHARS_MAX)
    with pytest.raises(FilterError, match="max nested function arguments"):
        parse("f(" * 50 + ")" * 50 + "=1")


@pytest.mark.parametrize(
    "make",
    [
        lambda n: "(" * n + "a=1" + ")" * n,
        lambda n: "(" * n,
        lambda n: "a='" + "\\'" * n,
        lambda n: "(a='" + "\\\\" * n + "')",
        lambda n: "//x\n" * n + "a=1",
        lambda n: "f(" + "1," * n + ")=1",
        lambda n: " " * n + "a" * n + "=" + "1" * 300 + "\0" * n,
        lambda n: "('" * n,
        lambda n: "()" * n,
        lambda n: "(a=1)" * n,
        lambda n: "&&".join(["a.b.c.d.e.f.g = h.i.j.k.l.m.n"] * n),
        lambda n: "a ~ '" + "%_\\\\" * n + "'",
        lambda n: "a=1\0" * n,
    ],
)
def test_steps_grow_with_the_text_and_no_faster(make):
    """Ten times the text takes ten times the calls; each of them is a pass over what it consumes."""

    def steps(n):
        count = 0

        def step(frame, event, argument):
            nonlocal count
            count += 1

        text = make(n)
        sys.setprofile(step)
        try:
            with contextlib.suppress(FilterError):
                parse(text)
        finally:
            sys.setprofile(None)
        return count

    assert steps(10_000) < 11 * steps(1_000) + 100


@given(st.text(alphabet=st.sampled_from("ab1.'\"\\()=!?~<>&|/ \n@:#,-_%\0é"), max_size=80) | st.text(max_size=60))
def test_any_text_is_a_filter_or_a_filter_error(text):
    try:
        tree = parse(text)
    except FilterError:
        return
    assert parse(write(tree)) == tree


names = st.from_regex(r"[A-Za-z_@][A-Za-z0-9_.:]{0,12}[A-Za-z0-9_]", fullmatch=True).map(Name)
numbers = st.integers(-(10**12), 10**12) | st.sampled_from([0.5, -2.25, 1e20])
# NUL ends what is read, so no text holds one
texts = st.text(st.characters(exclude_characters="\0"), max_size=12)
terms = texts.map(Text) | numbers.map(Number) | names
terms = terms | st.builds(Call, st.just("f"), st.lists(terms, max_size=4).map(tuple))
comparisons = st.builds(Comparison, terms, st.sampled_from(sorted(SIGNS)), terms)


def joined(kind, children):
    # a tree never holds its own kind directly: the parser takes those apart
    other = children.filter(lambda child: not isinstance(child, kind))
    return st.lists(other, min_size=2, max_size=4).map(lambda parts: kind(tuple(parts)))


trees = st.recursive(comparisons, lambda inner: joined(All, inner) | joined(Any, inner), max_leaves=12)


@given(trees)
def test_written_trees_parse_to_themselves(tree):
    assert parse(write(tree)) == tree
