"""Coverage-guided fuzzing of filters, rules and sorts, by hand: parse, compile, and prepare the SQL with SQLite.

Needs `pip install atheris` beside the project's packages; then, for an hour::

    python -m tests.differential.fuzz CORPUS_DIRECTORY -max_total_time=3600 -max_len=4000

Whatever is no clean refusal (see `target`) ends the run with the input in a `crash-…` file.
"""

import sys
import tempfile
from pathlib import Path
from random import Random

import atheris

with atheris.instrument_imports(include=["worker.filters", "worker.records"]):
    from tests.differential.target import WORDS, Target


def dictionary(directory: Path) -> Path:
    """The words in libFuzzer's form."""
    path = directory / "words.dict"
    path.write_text("".join('"' + word.replace("\\", "\\\\").replace('"', '\\"') + '"\n' for word in WORDS))
    return path


def seed(corpus: Path) -> None:
    """Some texts to start from."""
    rng = Random(1)
    for number in range(200):
        text = " ".join(rng.choice(WORDS) for _ in range(rng.randint(1, 20)))
        (corpus / f"seed{number}").write_bytes(bytes([rng.randrange(64)]) + text.encode())


def main() -> None:
    corpus = Path(sys.argv[1])
    corpus.mkdir(parents=True, exist_ok=True)
    seed(corpus)
    words = dictionary(Path(tempfile.mkdtemp()))
    atheris.Setup([*sys.argv, f"-dict={words}"], Target())
    atheris.Fuzz()


if __name__ == "__main__":
    main()
