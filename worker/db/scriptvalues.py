"""Values of SQL of a tenant's scripts on their way: rows to a script, its parameters to SQLite.

JSON has fewer types than SQLite. A value is itself where it is a text, NULL, an integer that a number of JavaScript's
holds, or a float with a fraction; else it is an object with one member (sandbox/js/scan.js reads and writes the same):

    {"f": 2.0}  a float without a fraction; "-0", "+Inf" and "-Inf" as texts     {"i": "9007199254740993"}  an integer
    {"b": "\\u00ff"}  a blob, a character a byte                                 {"t": "2024-01-02T03:04:05Z"}  a time
"""

import math
import re
from typing import Any

from worker.db.scripted import Outcome

SAFE_INT_MAX = 2**53 - 1
_DATES = frozenset({"DATE", "DATETIME", "TIMESTAMP"})
_MOMENT = re.compile(r"(\d{4}-\d\d-\d\d)(?:[ T](\d\d:\d\d)(:\d\d)?(\.\d+)?)?(Z|[+-]\d\d:\d\d)?")


def told(outcome: Outcome) -> list[list[Any]]:
    """The rows in the form of sandbox/js/scan.js."""
    rows = [[value if type(value) is str or value is None else _cell(value) for value in row] for row in outcome.rows]
    for at, (_, kind) in enumerate(outcome.columns):
        if kind and kind.upper() in _DATES:
            for row in rows:
                if type(row[at]) is str:
                    row[at] = _moment(row[at])
    return rows


def _cell(value: Any) -> Any:
    if type(value) is int:
        return value if -SAFE_INT_MAX <= value <= SAFE_INT_MAX else {"i": str(value)}
    if type(value) is float:
        if math.isinf(value):
            return {"f": "+Inf" if value > 0 else "-Inf"}
        if not value.is_integer():
            return value
        return {"f": "-0"} if value == 0 and math.copysign(1, value) < 0 else {"f": value}
    return {"b": value.decode("latin-1")}


def _moment(text: Any) -> Any:
    """A text in a column of dates, as the real one's driver reads it; as it is where it is none."""
    match = _MOMENT.fullmatch(text)
    if match is None:
        return text
    day, minute, second, fraction, zone = match.groups()
    fraction = (fraction or "").rstrip("0").rstrip(".")
    return {"t": f"{day}T{minute or '00:00'}{second or ':00'}{fraction}{zone or 'Z'}"}


def parameters(given: object) -> list[Any]:
    """A script's parameters as SQLite takes them. ValueError for what is none."""
    if type(given) is not list:
        raise ValueError("parameters are a list")
    return [_parameter(value) for value in given]


def _parameter(value: Any) -> Any:
    if value is None or type(value) in (str, bool, float):
        return value
    if type(value) is int and -(2**63) <= value < 2**63:
        return value
    if type(value) is dict:
        if type(value.get("b")) is str:
            return value["b"].encode("latin-1")  # a UnicodeEncodeError is a ValueError
        if "f" in value and type(value["f"]) in (str, int, float):
            return float(value["f"])
    raise ValueError("a value that no database takes")
