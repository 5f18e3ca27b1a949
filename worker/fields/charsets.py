"""Sets of characters: ranges of code points, and the named ones of Go's regular expressions."""

import sys
import unicodedata
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
    """The characters of a general category or script; None for an unknown name."""
    if name == "Any":
        return ALL
    if name in CATEGORIES:
        codes = [code for code in range(CODE_MAX + 1) if unicodedata.category(chr(code)).startswith(name)]
    elif name in SCRIPTS:
        prefix = SCRIPTS[name]
        codes = [code for code in range(CODE_MAX + 1) if unicodedata.name(chr(code), "").startswith(prefix)]
    else:
        return None
    return normalised([(code, code) for code in codes])
