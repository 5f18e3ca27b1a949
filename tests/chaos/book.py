"""What a client knows: of each record, what was acknowledged, and what may or may not have become of its last request.

A record belongs to one client, which asks one thing at a time. One whose request got no answer is left alone from then
on: the request may still wait in some queue, so it may come true later, even after others.
"""

from dataclasses import dataclass, field

# What is stored of a record: its title and its counter; None where there is no such record.
Value = tuple[str, int] | None


@dataclass
class Record:
    """One record. It must be `certain` or, once that is not known for certain, `perhaps`."""

    id: str
    certain: Value = None
    perhaps: Value = None
    open: bool = False
    """Whether the last request got no answer that tells what became of it."""

    def allows(self, found: Value) -> bool:
        return found == self.certain or (self.open and found == self.perhaps)


@dataclass
class Book:
    """The records of one tenant, as one client knows them."""

    tenant: str
    records: dict[str, Record] = field(default_factory=dict)
    pairs: list[tuple[str, str]] = field(default_factory=list)
    """Records that were made in one batch, which is carried out as a whole or not at all."""

    def new(self, record_id: str) -> Record:
        record = self.records[record_id] = Record(record_id)
        return record

    def faults(self, stored: dict[str, Value]) -> list[str]:
        """What is wrong with what is stored, a line each."""
        lines = []
        for record in self.records.values():
            found = stored.get(record.id)
            if not record.allows(found):
                wanted = f"{record.certain} or {record.perhaps}" if record.open else str(record.certain)
                lines.append(f"{self.tenant}: record {record.id} should be {wanted} and is {found}")
        for first, second in self.pairs:
            one, other = self.records[first], self.records[second]
            if one.open and other.open and (stored.get(first) is None) != (stored.get(second) is None):
                lines.append(f"{self.tenant}: of the batch {first}, {second} one half is stored")
        return lines


def invented(tenant: str, books: list[Book], stored: dict[str, Value]) -> list[str]:
    """Records that are stored though nobody wrote them, a line each."""
    known = {record_id for book in books if book.tenant == tenant for record_id in book.records}
    return [f"{tenant}: record {record_id} was never written" for record_id in stored if record_id not in known]
