"""`$app` beside records, queries and collections: transactions, tables, settings, the store, logins."""

from pathlib import Path

import pytest

from tests.hooks.harness import Pair, Snippet, evaluated, snippet

LINES = (Path(__file__).with_name("snippets") / "app.txt").read_text(encoding="utf-8").splitlines()
# Members whose service there is not, and which one they miss.
LACKING = {
    "newMailClient()": "mail",
    "newFilesystem()": "files",
    "newBackupsFilesystem()": "backups",
    "createBackup(new Context(), 'b.zip')": "backups",
}


@pytest.mark.parametrize("item", evaluated(*(line for line in LINES if line and not line.startswith("//"))))
def test_same(pair: Pair, item: Snippet) -> None:
    pair.check(item)


@pytest.mark.parametrize(
    "item",
    evaluated(
        *(
            snippet(
                f"$app.{call}",
                ours={
                    "err": f"GoError: $app.{call.partition('(')[0]} is not available yet: "
                    f"this server has no {service} service"
                },
            )
            for call, service in LACKING.items()
        )
    ),
)
def test_what_there_is_no_service_for(pair: Pair, item: Snippet) -> None:
    pair.check(item)
