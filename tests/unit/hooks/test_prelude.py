"""The prelude as a whole."""

import re
from collections import defaultdict
from pathlib import Path

import sandbox
from sandbox.prelude import FILES

JS = Path(sandbox.__file__).with_name("js")
# What pump.js has for a beginning, and what several files know of the same thing and hand on.
HANDED_ON = {"catalogChanged", "errorIn", "errorOut", "flush", "seed", "sync", "trace"}


def test_every_file_is_part_of_it() -> None:
    assert {path.stem for path in JS.glob("*.js")} == set(FILES)


def test_a_private_name_is_one_files() -> None:
    """Files know each other by the names on `P` alone: a second one of a name would take the place of the first."""
    owners = defaultdict(list)
    for name in FILES:
        source = (JS / f"{name}.js").read_text(encoding="utf-8")
        for private in sorted(set(re.findall(r"^P\.(\w+) = ", source, re.MULTILINE))):
            owners[private].append(name)
    assert {private: files for private, files in owners.items() if len(files) > 1 and private not in HANDED_ON} == {}
