"""What the real server says in another way each time it is started or asked, though it means the same."""

import re

# The collections that refer to one: listed in the order of a map, which is random.
IN_THE_WAY = re.compile(rb"(?<=existing reference in )[\w, ]+")
# Go's JSON decoder draws one of two wordings when the process starts.
UNABLE = re.compile(rb"(?<=json: )unable to(?= (?:un)?marshal )")


def settled(said: bytes) -> bytes:
    """`said` in one order and one wording."""
    in_order = IN_THE_WAY.sub(lambda names: b", ".join(sorted(names[0].split(b", "))), said)
    return UNABLE.sub(b"cannot", in_order)


def settled_text(said: str) -> str:
    """As `settled`, of a text."""
    return settled(said.encode("utf-8", "surrogatepass")).decode("utf-8", "surrogatepass")
