"""Bool fields."""

from typing import Any

from worker.fields.base import Field
from worker.fields.casts import to_bool


class BoolField(Field):
    """True or false; "required" means true."""

    __slots__ = ()

    type = "bool"

    def column(self) -> str:
        return "BOOLEAN DEFAULT FALSE NOT NULL"

    def zero(self) -> Any:
        return False

    def from_db(self, raw: Any) -> Any:
        # a number goes through its text in the real one, so 2 is as false as "2"
        return raw == 1 if isinstance(raw, (int, float)) else to_bool(raw)

    def cast(self, raw: Any) -> bool:
        return to_bool(raw)
