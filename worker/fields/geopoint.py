# ruff: noqa: ARG002 - the signatures are the base class's
"""Geo point fields: longitude and latitude in degrees."""

import json
import math
from collections.abc import Mapping
from typing import Any

from worker.errors import REQUIRED, FieldError
from worker.fields.base import Check, Field
from worker.fields.jsontext import loads
from worker.fields.numbers import json_of, normal

Point = dict[str, int | float]

# Longer texts are no points.
TEXT_CHARS_MAX = 1000
_BLANKS = " \t\r\n"


class GeoPointField(Field):
    """A point on the globe; "required" means other than 0, 0."""

    __slots__ = ()

    type = "geoPoint"

    def column(self) -> str:
        return """JSON DEFAULT '{"lon":0,"lat":0}' NOT NULL"""

    def zero(self) -> Any:
        return {"lon": 0, "lat": 0}

    def to_db(self, value: Any) -> Any:
        return f'{{"lon":{json_of(value["lon"])},"lat":{json_of(value["lat"])}}}'

    def from_db(self, raw: Any) -> Any:
        return self.cast(raw)

    def cast(self, raw: Any) -> Point:
        if isinstance(raw, str):
            try:
                return _point(loads(raw.encode())) or _point(_members(raw)) or {"lon": 0, "lat": 0}
            except ValueError:
                raw = _members(raw)
        return _point(raw) or {"lon": 0, "lat": 0}

    def validate(self, value: Any, check: Check) -> FieldError | None:
        lon, lat = value["lon"], value["lat"]
        if self.required and not lon and not lat:
            return REQUIRED
        if not -90 <= lat <= 90:
            return FieldError("validation_invalid_latitude", "Latitude must be between -90 and 90 degrees.")
        if not -180 <= lon <= 180:
            return FieldError("validation_invalid_longitude", "Longitude must be between -180 and 180 degrees.")
        return None


def _point(raw: Any) -> Point | None:
    """The point that an object is; None where a member is no number."""
    if not isinstance(raw, Mapping):
        return None
    lon, lat = (0 if part is None else part for part in (raw.get("lon"), raw.get("lat")))
    if not all(isinstance(part, (int, float)) and not isinstance(part, bool) for part in (lon, lat)):
        return None
    return {"lon": normal(lon), "lat": normal(lat)}


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(text)
    return number


_DECODER = json.JSONDecoder(parse_int=_finite, parse_float=_finite, parse_constant=_finite)


def _members(text: str) -> dict[str, Any] | None:
    """The members of a JSON object up to the first that is damaged, is no number, or comes again.

    The real one reads a text so far; what it read by then counts.
    """
    if len(text) > TEXT_CHARS_MAX or text.lstrip(_BLANKS)[:1] != "{":
        return None
    found: dict[str, Any] = {}
    rest = text.lstrip(_BLANKS)
    while rest[:1] in ("{", ","):
        try:
            name, end = _DECODER.raw_decode(rest[1:].lstrip(_BLANKS))
            rest = rest[1:].lstrip(_BLANKS)[end:].lstrip(_BLANKS)
            if not isinstance(name, str) or name in found or rest[:1] != ":":
                break
            value, end = _DECODER.raw_decode(rest[1:].lstrip(_BLANKS))
        except (ValueError, RecursionError):
            break
        rest = rest[1:].lstrip(_BLANKS)[end:].lstrip(_BLANKS)
        if name in ("lon", "lat") and value is not None and not isinstance(value, float):
            break
        found[name] = value
    return found
