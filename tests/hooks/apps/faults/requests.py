"""What is thrown where, and what becomes of it: events, transactions within transactions, routes."""

from tests.oracle.harness import Case, case
from tests.oracle.rows import ident

ACCOUNTS = "/api/collections/accounts/records"
MODES = (
    *("api", "bad", "unauthorized", "internal", "many", "error", "type", "reference", "string", "number", "object"),
    *("nothing", "validation", "go", "save", "sql", "finally", "caught", "wrapped", "swallowed", "late", "after"),
    *("again", "again, plain", "again, fields", "chain", "none"),
)
KINDS = (
    *("returned", "method", "thrown", "status", "empty", "lower", "rows", "written", "promise", "json", "cyclic"),
    *("instances", "other"),
)


def made(mode: str) -> list[Case]:
    create = case(
        "POST",
        ACCOUNTS,
        json={"id": ident("x" + "".join(filter(str.isalpha, mode))[:13]), "owner": f"of {mode}"[:20], "mode": mode},
    )
    return [create, case("GET", "/faults/error", note=mode)]


def transfer(path: str) -> list[Case]:
    return [case("POST", f"/transfer/{path}"), case("GET", "/faults/seen", note=path, unordered=True)]


CASES = [
    *(item for mode in MODES for item in made(mode)),
    case("POST", ACCOUNTS, json={"owner": "", "balance": -1}),
    case("POST", ACCOUNTS, json={"owner": "ann"}),
    *(
        item
        for path in (
            *("ann/bob/10", "bob/ann/500", "ann/nobody/1", "ann/bob/10?fault=middle", "ann/bob/10?fault=inner"),
            *("ann/bob/10?fault=forgiven", "ann/bob/10?fault=return", "ann/bob/x"),
        )
        for item in transfer(path)
    ),
    *(case("GET", f"/faults/routes/{kind}", unordered=True) for kind in KINDS),
]
TABLES = ["accounts"]
