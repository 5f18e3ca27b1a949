"""Multipart bodies: rows were asked of the real PocketBase 0.40.6; whatever comes, it ends quickly or is refused."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.http.mediatype import MediaTypeError, parse_media_type
from worker.http.multipart import MultipartError, parts_of

KIND = "multipart/form-data; boundary=b"
T = b'Content-Disposition: form-data; name="t"'


def texts(raw: bytes, kind: str = KIND) -> list[tuple[str, bytes]] | None:
    """Names and contents, or None for a body that is refused."""
    try:
        return [(part.name, part.content) for part in parts_of(raw, kind) if part.name]
    except (MultipartError, MediaTypeError):
        return None


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        (b"--b\r\n%b\r\n\r\nx\r\n--b--\r\n", [b"x"]),
        (b"--b\r\n%b\r\n\r\nx\r\n--b--", [b"x"]),
        (b"--b\r\n%b\r\n\r\nx\r\n--b\r\n", [b"x"]),
        (b"--b\r\n%b\r\n\r\nx\r\n--b", None),
        (b"--b\r\n%b\r\n\r\nx\r\n--b-", None),
        (b"--b\r\n%b\r\n\r\nx", None),
        (b"preamble\r\n--b\r\n%b\r\n\r\nx\r\n--b--epilogue", None),
        (b"preamble\r\n--b\r\n%b\r\n\r\nx\r\n--b--\r\nepilogue", [b"x"]),
        (b"preamble--b\r\n%b\r\n\r\nx\r\n--b--", []),
        (b"--b\n%b\n\nx\n--b--\n", [b"x"]),
        (b"--b\r\n%b\n\nx\r\n--b--\r\n", [b"x"]),
        (b"--b \t\r\n%b\r\n\r\nx\r\n--b-- \r\n", [b"x"]),
        (b"--bx\r\n%b\r\n\r\nx\r\n--b--\r\n", []),
        (b"--b\r\n%b\r\n\r\nx\r\n--bx\r\n--b--\r\n", [b"x\r\n--bx"]),
        (b"--b\r\n%b\r\n\r\n--b--\r\n", [b""]),
        (b"--b\r\n%b\r\n\r\n\r\n--b--\r\n", [b""]),
        (b"--b\r\n%b\r\nx\r\n--b--\r\n", None),
        (b"--b--\r\n", []),
        (b"--b\r\n", []),
        (b"--b\r\n\r\n--b--\r\n", []),
        (b"--b\r\n--b--\r\n", None),
        (b"--b\r\n%b\r\n", []),
        (b"--b\r\n\r\n", None),
        (b"--b\r\n : y\r\n%b\r\n\r\nx\r\n--b--", None),
        (b"--b\r\njunk\r\n%b\r\n\r\nx\r\n--b--", None),
        (b"--b\r\nX: \x01\r\n%b\r\n\r\nx\r\n--b--", None),
        (b"", None),
        (b"x", None),
        (b"-", None),
    ],
)
def test_framing(raw: bytes, expected: list[bytes] | None) -> None:
    found = texts(raw % T if b"%b" in raw else raw)
    assert found == (None if expected is None else [("t", content) for content in expected])


@pytest.mark.parametrize(
    ("header", "name"),
    [
        (b"content-disposition:form-data;name=t", "t"),
        (b'Content-Disposition: form-data;\r\n name="t"', "t"),
        (b'Content-Disposition: Form-Data; NAME="t";', "t"),
        (b"Content-Disposition: form-data; name*=utf-8''%74", "t"),
        (b'Content-Disposition: form-data; name*0="t"; name*1="u"', "tu"),
        (b'Content-Disposition: form-data; name="a\\"b\\x"', 'a"b\\x'),
        (b'Content-Disposition: form-data; name="t"\r\nContent-Disposition: form-data; name="n"', "t"),
        (b'Content-Disposition: attachment; name="t"', None),
        (b'Content-Disposition: form-data; name="t', None),
        (b'Content-Disposition: form-data; name="t"; name="n"', None),
        (b'Content-Disposition: form-data; name="t"; x', None),
        (b'Content-Disposition : form-data; name="t"', None),
        (b'Content-Disposition: form-data; name=""', None),
        (b"X: y", None),
    ],
)
def test_names(header: bytes, name: str | None) -> None:
    assert texts(b"--b\r\n" + header + b"\r\n\r\nx\r\n--b--\r\n") == ([] if name is None else [(name, b"x")])


@pytest.mark.parametrize(
    ("encoded", "content"),
    [
        (b"x=41=\r\ny", b"xAy"),
        (b"a =  \r\nb \t\r\nc", b"a b\r\nc"),
        (b"=zz=4", b"=zz=4"),
        (b"=c3=A9\xff", b"\xc3\xa9\xff"),
    ],
)
def test_quoted_printable(encoded: bytes, content: bytes) -> None:
    raw = b"--b\r\n%b\r\nContent-Transfer-Encoding: Quoted-Printable\r\n\r\n%b\r\n--b--" % (T, encoded)
    assert texts(raw) == [("t", content)]


@pytest.mark.parametrize(
    ("header", "kind", "params"),
    [
        ('multipart/form-data; boundary="a b"', "multipart/form-data", {"boundary": "a b"}),
        ("MULTIPART/Form-Data ;Boundary=B;", "multipart/form-data", {"boundary": "B"}),
        ("text/plain; a=1; a=1", "text/plain", {"a": "1"}),
        ("text/plain; a=1; a=2", None, {}),
        ("text/plain;;", None, {}),
        ("text/plain; =1", None, {}),
        ("text/plain; a", None, {}),
        ("text/plain; a=", None, {}),
        ('text/plain; a="\\', None, {}),
        ("text/", None, {}),
        ("", None, {}),
        ("text", "text", {}),
    ],
)
def test_media_types(header: str, kind: str | None, params: dict[str, str]) -> None:
    if kind is None:
        with pytest.raises(MediaTypeError):
            parse_media_type(header)
    else:
        assert parse_media_type(header) == (kind, params)


FRAGMENTS = st.sampled_from(
    [b"--b", b"--b--", b"\r\n", b"\n", b"\r", b"\r\n\r\n", T, b"x", b" ", b"\t", b"-", b": ", b'"', b";", b"=", b"\xff"]
)


@given(st.lists(FRAGMENTS).map(b"".join))
def test_any_body_is_cut_or_refused(raw: bytes) -> None:
    texts(raw)


@given(
    st.lists(st.sampled_from(["form-data", ";", "name", "=", '"', "\\", "*", "*0", "'", " ", "a", ","])).map("".join)
)
def test_any_header_is_a_media_type_or_none(header: str) -> None:
    try:
        parse_media_type(header)
    except MediaTypeError:
        return


@given(st.lists(st.binary(max_size=30).filter(lambda content: b"--b" not in content), max_size=5))
def test_what_is_put_together_is_cut_apart(contents: list[bytes]) -> None:
    raw = b"".join(b"--b\r\n" + T + b"\r\n\r\n" + content + b"\r\n" for content in contents) + b"--b--\r\n"
    assert texts(raw) == [("t", content) for content in contents]


SIZE = 4_000_000


@pytest.mark.parametrize(
    ("raw", "kind"),
    [
        (b"\n" * SIZE, KIND),
        (b"--bx\n" * (SIZE // 5), KIND),
        (b"--b" + b" " * SIZE, KIND),
        (b"--b\r\n" + T + b"\r\n\r\n" + b"\r\n--bx" * (SIZE // 6), KIND),
        (b"--b\r\n" + b"a:b\n" * (SIZE // 4), KIND),
        (b"--b\r\na:b\n" + b" c\n" * (SIZE // 3), KIND),
        (b"--b\r\n" * (SIZE // 5), KIND),
        (b"--b\r\n" + T + b"; x=" * (SIZE // 4) + b"\r\n\r\nx\r\n--b--", KIND),
        (
            b"--b\r\n" + T + b"\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n" + b" " * SIZE + b"x\r\n--b--",
            KIND,
        ),
        (b"x", KIND + "; a=" * 8_000),
        (b"x", KIND + '; a="' + "\\" * 30_000),
        (b"x", KIND + '; a="' + '\\"' * 15_000),
        (b"x", KIND + ";" + " " * 30_000 + "x"),
        (b"x", KIND + "".join(f"; a*{number}=x" for number in range(3_000))),
    ],
)
def test_nothing_takes_long(raw: bytes, kind: str) -> None:
    started = time.thread_time()
    texts(raw, kind)
    assert time.thread_time() - started < 2
