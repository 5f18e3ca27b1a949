# ruff: noqa: ARG002 - the signatures are the base class's
"""Geo point fields: longitude and latitude in degrees."""

from collections.abc import Mapping
from typing import Any

from worker.errors import REQUIRED, FieldError
from worker.fields.base import Check, Field
from worker.fields.jsontext import loads
from worker.fields.numbers import json_of, normal

Point = dict[str, int | float]


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
        if isinstance(raw, str) and raw[:1] == "{":
            try:
                raw = loads(raw.encode())
            except ValueError:
                raw = None
        if not isinstance(raw, Mapping):
            return {"lon": 0, "lat": 0}
        lon, lat = (0 if part is None else part for part in (raw.get("lon"), raw.get("lat")))
        if not all(isinstance(part, (int, float)) and not isinstance(part, bool) for part in (lon, lat)):
            return {"lon": 0, "lat": 0}
        return {"lon": normal(lon), "lat": normal(lat)}

    def validate(self, value: Any, check: Check) -> FieldError | None:
        lon, lat = value["lon"], value["lat"]
        if self.required and not lon and not lat:
            return REQUIRED
        if not -90 <= lat <= 90:
            return FieldError("validation_invalid_latitude", "Latitude must be between -90 and 90 degrees.")
        if not -180 <= lon <= 180:
            return FieldError("validation_invalid_longitude", "Longitude must be between -180 and 180 degrees.")
        return None
