"""Snippets from the command line, run on both servers: `python -m tests.hooks.harness 'return 1 + 1'`."""

import argparse
import tempfile
from pathlib import Path

from tests.hooks.harness import HERE, Pair, Place, Scripts
from tests.hooks.world import evaluation, grow_world
from tests.oracle.client import Answer
from tests.oracle.harness import case
from tests.servers import Pocker


def main() -> None:
    """Print what both answer to each snippet."""
    parser = argparse.ArgumentParser(prog="python -m tests.hooks.harness")
    parser.add_argument("-r", "--real", action="store_true", help="ask the real one alone")
    parser.add_argument("-a", "--as", dest="actor", default="super", help="an actor of the seed, '' for a guest")
    parser.add_argument("code", nargs="+", help="the body of a function of `e`; @FILE reads it from a file")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="byhand") as name:
        directory = Path(name)
        pb_data = directory / "world" / "pb_data"
        pb_data.mkdir(parents=True)
        seed = grow_world(pb_data)
        if given.real:
            place = Place(directory, seed, None)
            with place.real("real", Scripts.of(HERE)) as server:
                pair = Pair(place, Scripts.of(HERE))
                pair.adopt(server)
                _ask(pair, given)
                pair.stop()
            return
        with Pocker(directory / "pocker" / "data") as pocker:
            pair = Pair(Place(directory, seed, pocker), Scripts.of(HERE))
            pair.start()
            _ask(pair, given)
            pair.stop()


def _ask(pair: Pair, given: argparse.Namespace) -> None:
    for code in given.code:
        source = Path(code[1:]).read_text() if code.startswith("@") else code
        print(code)
        for side in pair.sides:
            answer = side.ask(case("POST", "/eval", as_=given.actor or None, json={"code": source}))
            said = f"{answer.status} {evaluation(answer).decode()}" if isinstance(answer, Answer) else answer
            print(f"  {side.label:5} {said}")
