"""What is changed in libraries of others, each with its reason, its guard, and a test that fails when it fits no more.

`tests/unit/chassis/test_patches.py` fails when a library has changed underneath: then read its new code, and drop the
patch or write it anew. `install` refuses versions that nobody has looked at.
"""

import asyncio
import socket
import sys
from collections.abc import Callable, Iterator
from functools import wraps
from importlib.metadata import version
from typing import Any, Final

from lutong_chassis import batches

TESTED: Final = {"aiokafka": "0.14.", "asyncpg": "0.32.", "faststream": "0.7."}
"""What the patches were written for: how these versions begin."""


def install(library: str, patch: Callable[[], None]) -> None:
    """Apply a patch, once per process, to a version that it was written for."""
    found = version(library)
    if not found.startswith(TESTED[library]):
        raise RuntimeError(
            f"{library} {found} is installed, and its patches are for {TESTED[library]}*: read "
            "libs/chassis/lutong_chassis/_patches.py, then run tests/unit/chassis/test_patches.py"
        )
    patch()


# asyncpg


def ask_arrays_quickly() -> None:
    """Have asyncpg distinguish arrays from values by list and tuple, which is all that is sent here.

    It asks of every element of every array, twice, whether it is itself an array, and asks by abstract base classes:
    more than half of what it takes to send one.
    """
    from asyncpg.protocol import protocol

    vars(protocol).update(IterableABC=(list, tuple), SizedABC=(list, tuple))


# FastStream


def poll_by(subscriber: Any, poll: Callable[[Any], Any]) -> None:  # noqa: ANN401  # FastStream's subscribers have many types
    """Have a subscriber ask for records by `poll`: its own sleeps a second after an empty poll, and events wait for nothing."""
    if not callable(getattr(type(subscriber), "get_msg", None)):
        raise TypeError("FastStream's subscriber asks for records in another way now: see _patches.py")
    subscriber.get_msg = poll


# aiokafka


def of_aiokafka() -> None:
    """All patches of aiokafka."""
    unpack_leniently()
    end_dead_connections()
    close_fetchers_whole()


_CONNECTS_WITHIN_S: Final = 10.0
_DEAD_AFTER_S: Final = 10
_ASKED_AFTER_S: Final = 5


def end_dead_connections() -> None:
    """Have connections end whose broker is gone without a word: its machine, its container, or the way to it.

    aiokafka waits 40 s for an answer, for some take long: fetches, sends and the group stand still as long, and
    nobody asks which broker leads now. The kernel knows sooner, for nobody acknowledges what it sends.
    """
    from aiokafka.conn import AIOKafkaConnection

    connect = AIOKafkaConnection.connect
    if hasattr(connect, "__wrapped__"):
        return  # it is done already

    @wraps(connect)
    async def connect_and_watch(self: Any) -> Any:  # noqa: ANN401  # a connection of aiokafka, and its streams
        async with asyncio.timeout(_CONNECTS_WITHIN_S):
            streams = await connect(self)
        _watch(self._writer.get_extra_info("socket"))
        return streams

    AIOKafkaConnection.connect = connect_and_watch


def _watch(connection: Any) -> None:  # noqa: ANN401  # a socket
    """Have the kernel ask whether the other side is there, and end what is not acknowledged. Not every system can do all of it."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in {
        "TCP_KEEPIDLE": _ASKED_AFTER_S,
        "TCP_KEEPINTVL": 2,
        "TCP_KEEPCNT": 3,
        "TCP_USER_TIMEOUT": _DEAD_AFTER_S * 1_000,
    }.items():
        if option := getattr(socket, name, None):
            connection.setsockopt(socket.IPPROTO_TCP, option, value)


def close_fetchers_whole() -> None:
    """Have a consumer close that waits after a fetch that failed: it cancels the wait, and lets the cancellation out.

    The task that closed the consumer then looked cancelled, and its connections stayed open.
    """
    from aiokafka.consumer.fetcher import Fetcher

    close = Fetcher.close
    if hasattr(close, "__wrapped__"):
        return  # it is done already

    @wraps(close)
    async def close_whole(self: Any) -> None:  # noqa: ANN401  # a fetcher of aiokafka
        self._fetch_task.cancel()
        await asyncio.wait([self._fetch_task])
        for task in self._pending_tasks:
            task.cancel()
        await asyncio.gather(*self._pending_tasks, return_exceptions=True)
        self._pending_tasks.clear()
        await close(self)

    Fetcher.close = close_whole


def unpack_leniently() -> None:
    """Have aiokafka give whatever is in a batch, and the batch itself where that is impossible.

    It raises inside `getmany`: for a header whose name is not UTF-8, a checksum that is wrong, a compression that it does
    not know. The position stays, the same batch is fetched again, and the partition stands still for ever. Records
    come from `PartitionRecords.__next__`: there the bytes of the batch are read again by `batches.records`, and where
    that fails, too, an `UndecodableBatch` takes the place of its records. Decompressors get a bound: one batch must not
    take all memory. What can be unpacked goes the way it went before.
    """
    from aiokafka.consumer import fetcher
    from aiokafka.record import default_records, legacy_records, memory_records

    if fetcher.MemoryRecords is not memory_records.MemoryRecords:
        return  # it is done already
    bounded = {
        "gzip_decode": batches.gzip_decode,
        "snappy_decode": batches.snappy_decode_bounded,
        "lz4_decode": batches.lz4_decode,
        "zstd_decode": batches.zstd_decode,
    }
    for module in _modules_of(default_records, "DefaultRecordBatch") | _modules_of(legacy_records, "LegacyRecordBatch"):
        vars(module).update({name: decode for name, decode in bounded.items() if name in vars(module)})
    fetcher.MemoryRecords = _batches_of(memory_records.MemoryRecords)
    fetcher.PartitionRecords.__next__ = _next


def _modules_of(module: Any, name: str) -> set[Any]:  # noqa: ANN401  # modules
    """A module, and the compiled one that its class comes from, if there is one."""
    return {module, sys.modules[vars(module)[name].__module__]}


def _batches_of(memory_records: Any) -> type:  # noqa: ANN401  # a class of aiokafka, compiled or not
    class Batches:
        """What was fetched of a partition, batch by batch."""

        def __init__(self, buffer: bytes) -> None:
            self._buffer = buffer
            self._records = memory_records(buffer)
            self._began = self._ended = 0

        def has_next(self) -> bool:
            return bool(self._records.has_next())

        def size_in_bytes(self) -> int:
            return len(self._buffer)

        def next_batch(self) -> Any:  # noqa: ANN401  # a batch of aiokafka
            self._began = self._ended
            length = int.from_bytes(self._buffer[self._began + 8 : self._began + 12], "big", signed=True)
            self._ended = self._began + 12 + length if length >= 0 else len(self._buffer)
            return _Checked(self._records.next_batch())

        def pass_over_last(self) -> bytes:
            """The bytes of the batch that was given last; what comes next is the one behind it."""
            self._records = memory_records(self._buffer[self._ended :])
            self._buffer, last = self._buffer[self._ended :], bytes(self._buffer[self._began : self._ended])
            self._began = self._ended = 0
            return last

    return Batches


class _Checked:
    """A batch of aiokafka whose records have the offsets of the batch; aiokafka passes over all others in silence.

    A broker numbers batches, and takes the numbers inside from the publisher.
    """

    def __init__(self, batch: Any) -> None:  # noqa: ANN401  # a batch of aiokafka
        self._batch = batch

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401  # whatever a batch has
        return getattr(self._batch, name)

    def __next__(self) -> Any:  # noqa: ANN401  # the same
        return next(self._batch)

    def __iter__(self) -> Iterator[Any]:
        records = list(self._batch)
        offsets = [record.offset for record in records]
        first, end = self._batch.base_offset, self._batch.next_offset
        if offsets != list(range(first, end)) and not batches.are_offsets(offsets, first, end):
            raise batches.NotABatchError("offsets that are not the batch's")
        return iter(records)


_broken_once: dict[Any, bytes] = {}
"""By partition, the checksummed bytes that were wrong at the first look: on the wire they are others the next time."""


def _next(self: Any) -> Any:  # noqa: ANN401  # PartitionRecords and ConsumerRecord of aiokafka
    """`PartitionRecords.__next__`: the next record, or what there is in its place."""
    while True:
        try:
            return next(self._records_iterator)
        except StopIteration:
            self._records_iterator = None  # a cycle of references, as in aiokafka
            raise
        except Exception:  # whatever it is, the partition goes on
            self._records_iterator = _again(self, self._records.pass_over_last())


def _again(self: Any, batch: bytes) -> Iterator[Any]:  # noqa: ANN401  # the same
    """The rest of a batch that could not be unpacked, and then the other batches."""
    partition, given = self._tp, self.next_fetch_offset
    if not batches.checksum_is_right(batch):
        if _broken_once.get(partition) != batch:
            _broken_once[partition] = batch
            return  # fetch it again: what is wrong on the wire is right the next time, or wrong in another way
        found = [batches.undecodable(partition, batch, given, batches.NotABatchError("its checksum is wrong"))]
    elif given > batches.header(batch).last_offset:
        found = []  # all of it was given before it failed
    else:
        try:
            found = [record for record in batches.records(partition, batch) if record.offset >= given]
        except Exception as again:  # the same: it is kept as it is
            found = [batches.undecodable(partition, batch, given, again)]
    _broken_once.pop(partition, None)
    for record in found:
        self.next_fetch_offset = record.offset + 1
        yield record
    self.next_fetch_offset = max(self.next_fetch_offset, batches.header(batch).last_offset + 1)
    yield from self._unpack_records()
