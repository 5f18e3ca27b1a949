"""A wait that ends in the very callback which brings what was waited for, for those who drive a coroutine by hand.

To a Task a `Turn` is a future like any other. Who steps a coroutine himself and gets a `Turn` of it may set `resume`:
whoever gives it its value then calls what `give` returns once he is done with his own affairs. That saves the Task and
two rounds of the loop, which are most of what a short wait costs.
"""

import asyncio
from collections.abc import Callable
from typing import Any


class Turn(asyncio.Future[Any]):
    """A future whose value may be taken at once."""

    # what goes on then; None while nobody drives by hand
    resume: Callable[[], None] | None = None

    def give(self, value: object) -> Callable[[], None] | None:
        """Set the value; what the caller has to call in the end, if anything."""
        self.set_result(value)
        return self.resume

    def refuse(self, error: Exception) -> None:
        """Set an exception; whoever waits goes on soon."""
        self.set_exception(error)
        if self.resume is not None:
            self.get_loop().call_soon(self.resume)
