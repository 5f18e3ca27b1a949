"""What scripts write into the tenant's log: the same rows as the real one's."""

from pathlib import Path

from tests.hooks.harness import Pair, snippet

LINES = (Path(__file__).with_name("snippets") / "logger.txt").read_text(encoding="utf-8").splitlines()


def test_entries(pair: Pair) -> None:
    for line in LINES:
        if line and not line.startswith("//"):
            pair.check(snippet(line))
    pair.compare_logs()
