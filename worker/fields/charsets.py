"""Sets of characters: ranges of code points, and the named ones of Go's regular expressions."""

import sys
import unicodedata
from collections.abc import Iterable, Iterator
from functools import lru_cache

CODE_MAX = sys.maxunicode

Ranges = tuple[tuple[int, int], ...]

DIGITS: Ranges = ((48, 57),)
SPACES: Ranges = ((9, 10), (12, 13), (32, 32))
WORDS: Ranges = ((48, 57), (65, 90), (95, 95), (97, 122))
ALL: Ranges = ((0, CODE_MAX),)
NEWLINE: Ranges = ((10, 10),)
PERL_CLASSES = {"d": DIGITS, "s": SPACES, "w": WORDS}
POSIX_CLASSES: dict[str, Ranges] = {
    "alnum": ((48, 57), (65, 90), (97, 122)),
    "alpha": ((65, 90), (97, 122)),
    "ascii": ((0, 127),),
    "blank": ((9, 9), (32, 32)),
    "cntrl": ((0, 31), (127, 127)),
    "digit": DIGITS,
    "graph": ((33, 126),),
    "lower": ((97, 122),),
    "print": ((32, 126),),
    "punct": ((33, 47), (58, 64), (91, 96), (123, 126)),
    "space": ((9, 13), (32, 32)),
    "upper": ((65, 90),),
    "word": WORDS,
    "xdigit": ((48, 57), (65, 70), (97, 102)),
}
CATEGORIES = frozenset(
    "C Cc Cf Co Cs L Ll Lm Lo Lt Lu M Mc Me Mn N Nd Nl No P Pc Pd Pe Pf Pi Po Ps S Sc Sk Sm So Z Zl Zp Zs".split(" ")  # noqa: SIM905 - forty quoted letters read worse
)
# Where there are characters to look at one by one, and where there are only private ones.
AREAS = (range(0x33480), range(0xE0000, 0xE01F0))
PRIVATE: Ranges = ((0xF0000, 0xFFFFD), (0x100000, 0x10FFFD))
# Scripts by how the names of their characters start.
SCRIPTS = {
    "Arabic": "ARABIC ",
    "Armenian": "ARMENIAN ",
    "Bengali": "BENGALI ",
    "Cyrillic": "CYRILLIC ",
    "Devanagari": "DEVANAGARI ",
    "Ethiopic": "ETHIOPIC ",
    "Georgian": "GEORGIAN ",
    "Greek": "GREEK ",
    "Han": "CJK ",
    "Hangul": "HANGUL ",
    "Hebrew": "HEBREW ",
    "Hiragana": "HIRAGANA ",
    "Katakana": "KATAKANA ",
    "Khmer": "KHMER ",
    "Latin": "LATIN ",
    "Mongolian": "MONGOLIAN ",
    "Tamil": "TAMIL ",
    "Telugu": "TELUGU ",
    "Thai": "THAI ",
    "Tibetan": "TIBETAN ",
}
# Ranges up to this size are folded character by character.
FOLD_MAX = 4096


def normalised(ranges: list[tuple[int, int]]) -> Ranges:
    """Sorted, disjoint, merged where they touch."""
    merged: list[tuple[int, int]] = []
    for low, high in sorted(ranges):
        if merged and low <= merged[-1][1] + 1:
            merged[-1] = (merged[-1][0], max(high, merged[-1][1]))
        else:
            merged.append((low, high))
    return tuple(merged)


def negated(ranges: Ranges) -> Ranges:
    """Every other code point."""
    result, start = [], 0
    for low, high in ranges:
        if low > start:
            result.append((start, low - 1))
        start = high + 1
    if start <= CODE_MAX:
        result.append((start, CODE_MAX))
    return tuple(result)


def folded(ranges: Ranges) -> Ranges:
    """With the other cases of each character."""
    result = list(ranges)
    for low, high in ranges:
        for code in range(low, min(high, low + FOLD_MAX) + 1):
            character = chr(code)
            cases = {character.lower(), character.upper()} - {character}
            result.extend((ord(other), ord(other)) for other in cases if len(other) == 1)
    return normalised(result)


@lru_cache(maxsize=64)
def unicode_class(name: str) -> Ranges | None:
    """The characters of a general category or script; None for an unknown name. Tens of ms the first time."""
    if name == "Any":
        return ALL
    if name in CATEGORIES:
        private = PRIVATE if "Co".startswith(name) else ()
        return (*_runs(code for area in AREAS for code in area if _in_category(code, name)), *private)
    prefix = SCRIPTS.get(name)
    if prefix is None:
        return None
    return tuple(_runs(code for area in AREAS for code in area if unicodedata.name(chr(code), "").startswith(prefix)))


def _runs(codes: Iterable[int]) -> Iterator[tuple[int, int]]:
    """Ascending code points as ranges."""
    low = high = -1
    for code in codes:
        if code == high + 1 and low >= 0:
            high = code
            continue
        if low >= 0:
            yield low, high
        low = high = code
    if low >= 0:
        yield low, high


def _in_category(code: int, name: str) -> bool:
    category = unicodedata.category(chr(code))
    return category.startswith(name) and category != "Cn"
