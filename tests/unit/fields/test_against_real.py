"""Every submission, to the real PocketBase and to our fields: equal values, equal errors."""

import json
from pathlib import Path

import httpx
import pytest

from tests.servers import PocketBase
from worker.db.connection import Database

from .conftest import Desk
from .submissions import CASES

EMAIL, PASSWORD = "root@example.com", "rootpass123"


@pytest.mark.slow
def test_every_submission_has_the_real_ones_answer(pocketbase_binary: Path, tmp_path: Path, db: Database) -> None:
    server = PocketBase(tmp_path / "real" / "pb_data")
    server.upsert_superuser(EMAIL, PASSWORD)
    differences, seen = [], {"value": 0, "error": 0}
    with server, httpx.Client(base_url=server.url, timeout=30) as http:
        login = {"identity": EMAIL, "password": PASSWORD}
        answer = http.post("/api/collections/_superusers/auth-with-password", json=login)
        http.headers["Authorization"] = answer.json()["token"]
        for number, (definition, values) in enumerate(CASES):
            name = f"c{number}"
            body = {"name": name, "fields": [{"name": "f", **definition}]}
            assert http.post("/api/collections", json=body).status_code == 200, definition
            desk = Desk(db, definition)
            for value in values:
                content = json.dumps({"f": value})
                answer = http.post(
                    f"/api/collections/{name}/records",
                    content=content,
                    headers={"Content-Type": "application/json"},
                )
                good = answer.status_code == 200
                seen["value" if good else "error"] += 1
                expected = answer.json()["f"] if good else {"error": answer.json()["data"]["f"]}
                given = desk.submit(json.loads(content)["f"])
                if given != expected or (isinstance(given, bool) is not isinstance(expected, bool)):
                    differences.append(f"{definition} {value!r:.80}\n  real {expected}\n  ours {given}")
    assert not differences, "\n".join(differences)
    assert min(seen.values()) > 200, "the table has good and bad values"
