"""Where work runs: inline on the event loop for what is short, in threads for what is not.

A read starts inline under a budget of a few milliseconds. One that exceeds it is interrupted and run again in a thread
on a second connection with the full limit, and its statement is remembered as slow, so that next time it goes there at
once; who keeps sending slow ones has a smaller budget (`pace`). apsw releases the GIL while SQLite works, so threads do
not stop the loop. Writes do the same (`worker.writing`), on the connection of a transaction.

There are three pools, so that no kind of work waits for another: slow reads and writes; passwords, request logs and the
like; and an operator's long work, such as copying a tenant. Within each (`pool`), threads are shared fairly (`turns`):
by the CPU that each tenant's jobs have taken, and half of them at most for one. What can't be divided wherever it runs
is followed by a rest (`rests`).

`lanes` is what everybody uses; `apart` is what runs in the threads.
"""

from worker.lanes.lanes import Lanes

__all__ = ["Lanes"]
