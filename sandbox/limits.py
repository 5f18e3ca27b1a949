"""What one sandbox process may take; the kernel keeps these limits, whatever happens inside."""

from dataclasses import asdict, dataclass

# Beyond what is settled for scripts: what the interpreter around the engine needs for a large frame or two.
ROOM_MB = 24
# More than that the engine itself does not give to scripts.
HEAP_MB_MAX = 128


@dataclass(frozen=True)
class Limits:
    """The limits of a child. `memory_mb` is beyond what it has from the zygote; `cpu_s` is for all of its life: who
    started it ends it long before, so it only counts when there is nobody left to do so."""

    memory_mb: int = 64
    cpu_s: int = 600

    def message(self) -> dict[str, int]:
        """As it goes to the zygote."""
        return asdict(self)

    def memory_bytes(self, taken_bytes: int) -> int:
        """The address space that it may have, where it has `taken_bytes` from the beginning."""
        return taken_bytes + (min(self.memory_mb, HEAP_MB_MAX) + ROOM_MB << 20)
