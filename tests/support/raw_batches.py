"""Record batches of Kafka built by hand, byte by byte, and sent as they are: what no client library would send.

Source: the record batch, magic 2, of Kafka's message format (https://kafka.apache.org/documentation/#messageformat).
"""

import struct
from collections.abc import Sequence
from time import time
from typing import Any, Final, NamedTuple, Self

from aiokafka import TopicPartition, codec
from aiokafka.client import AIOKafkaClient
from aiokafka.errors import NotLeaderForPartitionError, for_code
from aiokafka.protocol.produce import ProduceRequest
from aiokafka.record.util import calc_crc32c

CODECS: Final[dict[int, Any]] = {
    0: bytes,
    1: codec.gzip_encode,
    2: codec.snappy_encode,
    3: codec.lz4_encode,
    4: codec.zstd_encode,
}
Headers = Sequence[tuple[bytes, bytes | None]]


class Raw(NamedTuple):
    """A record as it is in a batch: names of headers are bytes, too."""

    key: bytes | None
    value: bytes | None
    headers: Headers = ()
    timestamp: int = -3
    """Milliseconds since 1970; −3 is now."""
    attributes: int = 0
    offset_delta: int | None = None


def batch(
    records: Sequence[Raw], *, compression: int = 0, body: bytes | None = None, crc_delta: int = 0, base_offset: int = 0
) -> bytes:
    """A batch of these records, or of `body` in their place; `crc_delta` makes its checksum wrong."""
    now = int(time() * 1000)
    times = [now if record.timestamp == -3 else record.timestamp for record in records]
    written = b"".join(
        _record(record, at - times[0], n) for n, (record, at) in enumerate(zip(records, times, strict=True))
    )
    data: bytes = CODECS.get(compression, bytes)(written if body is None else body)
    covered = (
        struct.pack(">hiqqqhii", compression, len(records) - 1, times[0], max(times), -1, -1, -1, len(records)) + data
    )
    crc = (calc_crc32c(covered) + crc_delta) % 2**32
    head: bytes = struct.pack(">qiibI", base_offset, len(covered) + 9, 0, 2, crc)
    return head + covered


def _record(record: Raw, timestamp_delta: int, place: int) -> bytes:
    offset_delta = place if record.offset_delta is None else record.offset_delta
    body = bytes([record.attributes]) + _varint(timestamp_delta) + _varint(offset_delta)
    body += _nullable(record.key) + _nullable(record.value) + _varint(len(record.headers))
    for name, value in record.headers:
        body += _varint(len(name)) + name + _nullable(value)
    return _varint(len(body)) + body


def _nullable(data: bytes | None) -> bytes:
    return _varint(-1) if data is None else _varint(len(data)) + data


def _varint(value: int) -> bytes:
    value = (value << 1) ^ (value >> 63)
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


class RawProducer:
    """Sends batches as they are. `async with RawProducer(bootstrap) as producer: await producer.send(topic, 0, batch(…))`."""

    def __init__(self, bootstrap: str) -> None:
        self._client = AIOKafkaClient(bootstrap_servers=bootstrap)

    async def __aenter__(self) -> Self:
        await self._client.bootstrap()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._client.close()

    async def send(self, topic: str, partition: int, built: bytes) -> int:
        """The offset of the batch's first record. Raises the broker's error, when it refuses the batch."""
        await self._client.set_topics([topic])
        request = ProduceRequest(None, -1, 10_000, [(topic, [(partition, built)])])
        while True:
            leader = self._client.cluster.leader_for_partition(TopicPartition(topic, partition))
            response = await self._client.send(leader, request)
            _, error_code, offset, *_ = response.topics[0][1][0]
            if not error_code:
                return int(offset)
            if for_code(error_code) is not NotLeaderForPartitionError:  # the topic is new
                raise for_code(error_code)
            await self._client.force_metadata_update()
