"""The links between workers: SEQPACKET pairs, one a berth, of which each message carries one connection (SCM_RIGHTS).

What stands in a message is the workers' business (`worker.wire.handoff`); the supervisor moves whole ones.
"""

import errno

FRAME_BYTES_MAX = 65_536  # what one message may have, and one descriptor
QUEUE_BYTES = 1 << 20  # asked for; the kernel caps it at net.core.wmem_max
BUSY = frozenset({errno.EAGAIN, errno.ENOBUFS, errno.ENOMEM, errno.ETOOMANYREFS})
"""The queue is full, or too many descriptors are under way: both pass when its worker takes some."""
