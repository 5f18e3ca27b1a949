"""The channel between supervisor and worker: every message survives, however the bytes are cut; rubbish closes it."""

import asyncio
import struct
from typing import Any

import msgpack
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from supervisor.contract.channel import FRAME_BYTES_MAX, Channel, attach, decode, encode, pair
from supervisor.contract.messages import (
    Call,
    Message,
    Progress,
    Reply,
    TenantDrop,
    TenantFailed,
    TenantPut,
    UsageReport,
)
from supervisor.contract.tenant import Tenant, TenantState
from supervisor.contract.usage import TenantUsage, WorkerUsage

ids = st.integers(0, 2**53)
text = st.text(max_size=40)
plain = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False)
    | text
    | st.binary(max_size=40),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(text, inner, max_size=4),
    max_leaves=12,
)
tenants = st.builds(
    Tenant,
    name=text,
    state=st.sampled_from(TenantState),
    shard=st.none() | st.integers(0, 255),
    domains=st.lists(text, max_size=3).map(tuple),
    reason=text,
    created=text,
)
counts = st.integers(0, 2**53)
usages = st.builds(
    WorkerUsage,
    shard=counts,
    pid=counts,
    live_tenants=counts,
    connections=counts,
    handoffs_out=counts,
    handoffs_in=counts,
    tenants=st.lists(
        st.builds(TenantUsage, name=text, ok=counts, cpu_loop_ms=st.floats(0, 1e9), live=st.booleans()), max_size=5
    ),
)
messages = st.one_of(
    st.builds(TenantPut, id=ids, tenant=tenants),
    st.builds(TenantDrop, id=ids, name=text),
    st.builds(Call, id=ids, op=text, tenant=text, args=st.dictionaries(text, plain, max_size=4)),
    st.builds(Reply, id=ids, ok=st.booleans(), value=plain, error=text),
    st.builds(Progress, id=ids, text=text, done=counts, total=counts),
    st.builds(UsageReport, usage=usages),
    st.builds(TenantFailed, name=text, reason=text),
)


class Wire(asyncio.Transport):
    """Remembers what became of it."""

    def __init__(self) -> None:
        super().__init__()
        self.aborted = False

    def abort(self) -> None:
        self.aborted = True

    def is_closing(self) -> bool:
        return self.aborted


def receiver() -> tuple[Channel, list[Message], Wire]:
    heard: list[Message] = []
    channel = Channel(heard.append, lambda: None)
    wire = Wire()
    channel.connection_made(wire)
    return channel, heard, wire


@given(messages)
def test_a_message_comes_back_as_it_was(message: Message) -> None:
    assert decode(encode(message)[4:]) == message


@given(st.lists(messages, max_size=6), st.data())
@settings(max_examples=60)
def test_frames_may_be_cut_anywhere(sent: list[Message], data: st.DataObject) -> None:
    stream = b"".join(map(encode, sent))
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=12)))
    channel, heard, wire = receiver()
    for start, end in zip([0, *cuts], [*cuts, len(stream)], strict=True):
        channel.data_received(stream[start:end])
    assert heard == sent
    assert not wire.aborted


def frame(body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + body


@pytest.mark.parametrize(
    "rubbish",
    [
        struct.pack(">I", 0),
        struct.pack(">I", FRAME_BYTES_MAX + 1),
        b"HTTP/1.1 200 OK\r\n\r\n",
        frame(b"\xc1"),
        frame(b"\x81"),
        frame(msgpack.packb(["not", "a", "message"])),
        frame(msgpack.packb({"type": "Surprise"})),
        frame(msgpack.packb({"type": "Reply"})),
        frame(msgpack.packb({"type": "Reply", "id": "one", "ok": True})),
        frame(msgpack.packb({"type": "Reply", "id": 1, "ok": True}) + b"\xc0"),
        frame(msgpack.packb({"type": "Reply", "id": 1, "ok": True, 7: 7})),
    ],
)
def test_rubbish_closes_the_channel(rubbish: bytes) -> None:
    channel, heard, wire = receiver()
    channel.data_received(encode(TenantDrop(1, "before")) + rubbish)
    assert wire.aborted
    assert heard == [TenantDrop(1, "before")]


def test_a_message_larger_than_a_frame_is_not_sent() -> None:
    with pytest.raises(ValueError, match="exceeds the frame limit"):
        encode(Reply(1, True, value="x" * FRAME_BYTES_MAX))


def test_two_ends(run: Any) -> None:
    async def talk() -> list[Message]:
        loop = asyncio.get_running_loop()
        ours, theirs = pair()
        heard: list[Message] = []
        closed: list[str] = []
        done = asyncio.Event()
        near = await attach(loop, ours, Channel(heard.append, lambda: (closed.append("near"), done.set())))
        echo: list[Message] = []
        far = await attach(loop, theirs, Channel(echo.append, lambda: closed.append("far")))
        assert near.open
        large = Reply(2, True, value=b"x" * (FRAME_BYTES_MAX - 100))
        near.send(TenantDrop(1, "a"))
        near.send(large)
        async with asyncio.timeout(10):
            while len(heard) < 2:
                await asyncio.sleep(0.001)
                while echo:
                    far.send(echo.pop(0))
            far.close()
            await done.wait()
        assert not near.open
        near.send(TenantDrop(3, "nobody listens"))
        await asyncio.sleep(0)
        assert closed.count("near") == 1
        return heard == [TenantDrop(1, "a"), large]

    assert run(talk())
