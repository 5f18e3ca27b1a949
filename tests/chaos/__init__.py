"""Chaos: a real server under load while processes die, stand still or move, clocks jump, disks and descriptors run out.

`book` is what clients know for certain, `clients` the load, `owners` looks who has which database open, `mischief` is
what happens, `run` one whole run with its verdict. By hand, and for as long as one likes:

    python -m tests.chaos --seed 7 --seconds 600

A run fails when an acknowledged write is not there, is there twice or in part, when something is there that nobody
wrote, when two processes have one tenant's database open for writing, or when a file is damaged.
"""
