"""The tenant's directory as its scripts see it: the root of a file system, with nothing above it and nothing beside it.

`resolve` finds what a path means without ever leaving the directory; `guard` says what belongs to the server; `tree` is
what scripts can do: read, write, list, rename, remove; `room` keeps quota, disk and the number of files.
"""

from worker.hooks.root.tree import Info, PathError, Tree

__all__ = ["Info", "PathError", "Tree"]
