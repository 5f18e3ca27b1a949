"""The processes of abuses (`tests.attack.abuses`): begun, and ended."""

import json
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent.parent
END_S = 20.0


def attack(name: str, target: dict[str, Any], *, nice: int = 0) -> "subprocess.Popen[str]":
    """Begins an abuse of `target`."""
    process = subprocess.Popen(
        ["nice", "-n", str(nice), sys.executable, "-m", "tests.attack.abuses", name],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        cwd=ROOT,
    )
    assert process.stdin is not None
    json.dump(target, process.stdin)
    process.stdin.close()
    return process


def end(attackers: "Sequence[subprocess.Popen[str]]") -> str:
    """Ends them; what they were answered, by status."""
    told: dict[str, int] = {}
    for process in attackers:
        process.send_signal(signal.SIGTERM)
    for process in attackers:
        assert process.stdout is not None
        try:
            process.wait(END_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        text = process.stdout.read()
        for status, count in (json.loads(text) if text else {}).items():
            told[status] = told.get(status, 0) + count
    return " ".join(f"{status}:{count}" for status, count in sorted(told.items()))
