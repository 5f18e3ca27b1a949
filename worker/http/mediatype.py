"""A media type or disposition with its parameters, read as strictly and as leniently as the real one reads it.

Texts are bytes as Latin-1: a header has no encoding of its own.
"""

import re
from urllib.parse import unquote_to_bytes

_BLANK = " \t\r\n\v\f\x85\xa0"
_WORD = r"[!#$%&'*+\-.0-9A-Z^_`a-z{|}~]+"
_TYPE = re.compile(rf"{_WORD}(?:/{_WORD})?")
_NAME = re.compile(rf"[{_BLANK}]*;[{_BLANK}]*({_WORD})[{_BLANK}]*=[{_BLANK}]*")
_VALUE = re.compile(_WORD)
# within quotes only what is special may be escaped: old browsers send the backslashes of a path as they are
_SPECIAL = r'[()<>@,;:\\"/\[\]?=]'
_QUOTED = re.compile(rf'"((?:[^"\\\r\n]|\\{_SPECIAL}|\\(?!{_SPECIAL}))*+)"')
_ESCAPED = re.compile(rf"\\({_SPECIAL})")
# one semicolon too many
_END = re.compile(rf"[{_BLANK}]*+;?[{_BLANK}]*+\Z")
_CHARSETS = frozenset({"us-ascii", "utf-8"})
_PIECES_MAX = 100


class MediaTypeError(ValueError):
    """A header that is no media type."""


def parse_media_type(text: str) -> tuple[str, dict[str, str]]:
    """The type in lower case, and its parameters by name in lower case. Raises MediaTypeError."""
    base = text.partition(";")[0]
    kind = base.lower().strip(_BLANK)
    if not _TYPE.fullmatch(kind):
        raise MediaTypeError(f"no media type: {text!r}")
    params: dict[str, str] = {}
    at = len(base)
    while not _END.match(text, at):
        name = _NAME.match(text, at)
        if name is None:
            raise MediaTypeError("invalid media parameter")
        at = name.end()
        quoted = _QUOTED.match(text, at)
        value = quoted or _VALUE.match(text, at)
        if value is None:
            raise MediaTypeError("invalid media parameter")
        at = value.end()
        said = _ESCAPED.sub(r"\1", quoted[1]) if quoted else value[0]
        if params.setdefault(name[1].lower(), said) != said:
            raise MediaTypeError("duplicate parameter name")
    return kind, _assembled(params) if any("*" in name for name in params) else params


def _assembled(params: dict[str, str]) -> dict[str, str]:
    """`params` with those that come encoded or in pieces (RFC 2231) under their own names."""
    whole = {name: value for name, value in params.items() if "*" not in name}
    for base in dict.fromkeys(name.partition("*")[0] for name in params if "*" in name):
        single = _decoded(params.get(base + "*", ""))
        if single is not None:
            whole[base] = single
            continue
        pieces = []
        for number in range(_PIECES_MAX):
            plain, encoded = params.get(f"{base}*{number}"), params.get(f"{base}*{number}*")
            if plain is None and encoded is None:
                break
            piece = (
                plain if plain is not None else _decoded(encoded or "") if number == 0 else _unescaped(encoded or "")
            )
            pieces.append(piece or "")
        if pieces:
            whole[base] = "".join(pieces)
    return whole


def _decoded(value: str) -> str | None:
    """The value of `charset'language'escaped`; None where it is none, or in a charset nobody reads."""
    parts = value.split("'", 2)
    return _unescaped(parts[2]) if len(parts) == 3 and parts[0].lower() in _CHARSETS else None


def _unescaped(value: str) -> str:
    return unquote_to_bytes(value).decode("latin-1")
