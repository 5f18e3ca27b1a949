"""What supervisor and workers agree on: values and wire formats only, no behaviour of either side.

This is the one part of the supervisor that a worker may import. It imports msgspec, msgpack and the standard library.
"""
