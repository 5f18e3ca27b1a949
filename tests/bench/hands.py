"""Work that many things need and nobody measures, shared out to as many processes as there are cores."""

import multiprocessing
import os
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from typing import TypeVar

Thing = TypeVar("Thing")
Made = TypeVar("Made")
FEW = 20  # are done here: a process takes half a second to start


def by_all(work: Callable[[Sequence[Thing]], list[Made]], things: Sequence[Thing]) -> list[Made]:
    """What `work`, which is a module's function, makes of all these things, in their order."""
    hands = len(os.sched_getaffinity(0))
    each = -(-len(things) // hands)
    if each < FEW or hands == 1:
        return work(things)
    shares = [things[start : start + each] for start in range(0, len(things), each)]
    with ProcessPoolExecutor(len(shares), mp_context=multiprocessing.get_context("spawn")) as pool:
        return [made for some in pool.map(work, shares) for made in some]
