"""Records as a topic may hold them, from a seed: all that clients, gateways and accidents put there.

    odd = OddRecords(seed=1, event=lambda key, place: Counted(counter_id=key, place=place))
    odd.next()      # one record, with what must become of it

Whatever becomes of a record is known when it is made, by how it is made: there is no oracle that could be wrong alike.
"""

import base64
import json
import random
from collections.abc import Callable
from datetime import UTC, datetime
from itertools import count
from typing import Any, Final, NamedTuple

from lutong_chassis.envelope import Cause, Envelope, to_headers
from lutong_contracts import Event
from tests.support.raw_batches import Raw

Headers = list[tuple[bytes, bytes | None]]


class Odd(NamedTuple):
    """A record, the id that its event has, and whether it is handled; if not, it is set aside as it is."""

    raw: Raw
    event_id: str
    handled: bool
    what: str


TIMES_TAKEN: Final = (
    "2018-04-05t17:31:00z", "2016-12-31T23:59:60Z", "1985-04-12T23:20:50.52Z", "2018-04-05T17:31:00.123456789Z",
    "1937-01-01T12:00:27.87+00:20", "9999-12-31T23:59:59Z", "0001-01-01T00:00:00Z",
)  # fmt: skip
TIMES_REFUSED: Final = (
    "20180405", "2018-W14-4", "2018-04-05T17:31:00", "0000-01-01T00:00:00Z", "0001-01-01T00:00:00+08:00", "yesterday",
    "9999-12-31T23:59:59-23:59", "2018-04-05T17:31:60Z", "2018-04-05 17:31:00Z", "1e9", "\ud83c", "2018-04-05T17:31:00Z\n",
)  # fmt: skip
TIMESTAMPS: Final = (
    -1,
    -2,
    0,
    1,
    -62_135_625_600_000,
    -62_135_596_800_000,
    -62_135_596_800_001 - 400 * 86_400_000,
    -(2**62),
)
NO_DATES: Final = tuple(timestamp for timestamp in TIMESTAMPS if timestamp < 0)
TEXTS: Final = (
    "路通",
    "🎉",
    "\u200b",
    "' OR 1=1 --",
    "\u202e",
    "%s%n",
    "null",
    "../..",
    "a" * 256,
    "ﷺ" * 85,
    "\ue000",
    "İ",
)


class OddRecords:
    """Records one after the other; the same seed gives the same ones."""

    def __init__(self, seed: int, event: Callable[[str, int], Event], own: str = "odd") -> None:
        self.random = random.Random(seed)  # a test has to be repeatable
        self.event = event
        self.numbers = count()
        self.own = f"{own}-{seed}"
        self.kinds: list[Callable[[], Odd]] = [
            self.plain, self.odd_key, self.odd_value, self.odd_header_names, self.odd_attribute, self.odd_time,
            self.odd_timestamp, self.structured, self.structured_badly, self.deep, self.random_bytes,
        ]  # fmt: skip

    def next(self) -> Odd:
        """The next record, of any kind."""
        return self.random.choice(self.kinds)()

    def good(self, key: str, place: int) -> Odd:
        """A record with nothing odd about it."""
        event = self.event(key, place)
        event_id = f"{self.own}-{next(self.numbers)}"
        envelope = Envelope(event_id, "/test", event.type, datetime.now(UTC), event.key, None, Cause(event_id))
        headers: Headers = [(name.encode(), value) for name, value in to_headers(envelope)]
        return Odd(Raw(event.key.encode(), event.model_dump_json().encode(), headers), event_id, True, "good")

    def plain(self) -> Odd:
        """A good one, under a key of its own."""
        return self.good(f"{self.own}-{next(self.numbers)}", 0)

    def odd_key(self) -> Odd:
        """Null, empty, another's, long, and no text."""
        size = self.random.choice([1, 100, 2_700, 6_000, 6_000, 100_000])
        key = self.random.choice([None, b"", b"another", b"\x00", self.random.randbytes(size), b"k" * size])
        return self._bad(self.plain(), "key", key=key)

    def odd_value(self) -> Odd:
        """Null, empty, cut off, other encodings, numbers that are none."""
        odd = self.plain()
        whole = odd.raw.value or b""
        opened = whole[:-1] + b","
        size = self.random.choice([0, 10, 1_000, 50_000])
        refused = [
            None, b"", b"null", b"[]", b"{}", b"7", whole[:-1], whole + b"}", b"\xef\xbb\xbf" + whole, b"\xff\xfe",
            whole.decode().encode("utf-16"), opened + b'"a":"\xd6\xd0"}', opened + b'"a":}', self.random.randbytes(size),
            b"{" * size, opened + b'"a":"\\ud800"}',
        ]  # fmt: skip
        taken = [
            opened + b'"a":' + b"9" * 400 + b"}", opened + b'"a":"\\u0000"}', whole + b" " * size,
            opened + b'"a":"' + b"x" * size + b'"}', opened + b'"a":1,"a":2}', b"\n\t" + whole, opened + b'"":-0.0}',
        ]  # fmt: skip
        if self.random.random() < 0.3:
            return odd._replace(raw=odd.raw._replace(value=self.random.choice(taken)), what="value")
        return self._bad(odd, "value", value=self.random.choice(refused))

    def odd_header_names(self) -> Odd:
        """Names that are not UTF-8, names in capitals, many, long, doubled, null: headers of others do no harm."""
        odd = self.plain()
        foreign: Headers = []
        for _ in range(self.random.choice([1, 2, 30])):
            name = self.random.choice(
                [b"\xff\xfe", "编码".encode("gbk"), b"", b"\x00", b"Id", self.random.randbytes(9), b"n" * 900]
            )
            foreign.append((name, self.random.choice([None, b"", b"\xff", self.random.randbytes(40)])))
        own = [(name.upper() if self.random.random() < 0.5 else name, value) for name, value in odd.raw.headers]
        own.insert(0, (b"ce_id", b"the-last-counts"))
        headers = [*foreign, *own] if self.random.random() < 0.5 else [*own, *foreign]
        return odd._replace(raw=odd.raw._replace(headers=headers), what="header names")

    def odd_attribute(self) -> Odd:
        """An attribute that is missing, null, too long, or no text."""
        odd = self.plain()
        name = self.random.choice([b"ce_id", b"ce_source", b"ce_type", b"ce_specversion"])
        values = [None, b"", b"\xff\xfe", b"x" * 257, b"a\x00b", "编码".encode("gbk"), b"\xed\xa0\x80"]
        headers = [(n, self.random.choice(values) if n == name else value) for n, value in odd.raw.headers]
        if self.random.random() < 0.2:
            headers = []
        return self._bad(odd, "attribute", headers=headers)

    def odd_time(self) -> Odd:
        """What RFC 3339 has, and what it has not."""
        odd = self.plain()
        taken = self.random.random() < 0.5
        time = self.random.choice(TIMES_TAKEN if taken else TIMES_REFUSED).encode(errors="surrogatepass")
        headers = [(name, time if name == b"ce_time" else value) for name, value in odd.raw.headers]
        changed = odd._replace(raw=odd.raw._replace(headers=headers), what="time")
        return changed if taken else changed._replace(handled=False)

    def odd_timestamp(self) -> Odd:
        """No date at all: the event's own time counts, and without one it is set aside."""
        odd = self.plain()
        timestamp = self.random.choice(TIMESTAMPS)
        headers = odd.raw.headers
        without = self.random.random() < 0.3
        if without:
            headers = [(name, value) for name, value in headers if name != b"ce_time"]
        handled = not without or timestamp >= 0
        return odd._replace(
            raw=odd.raw._replace(timestamp=timestamp, headers=headers), handled=handled, what="timestamp"
        )

    def document(self, odd: Odd) -> dict[str, Any]:
        """The same event in structured mode, parsed."""
        event_type = next((value or b"" for name, value in odd.raw.headers if name == b"ce_type"), b"").decode()
        data = json.loads(odd.raw.value or b"{}")
        return {"specversion": "1.0", "id": odd.event_id, "source": "/test", "type": event_type, "data": data} | {
            "time": "2026-11-23T09:30:00Z"
        }

    def structured(self) -> Odd:
        """Structured mode, in each of its forms."""
        odd = self.plain()
        document = self.document(odd)
        if self.random.random() < 0.3:
            document["data_base64"] = base64.b64encode(json.dumps(document.pop("data")).encode()).decode()
        elif self.random.random() < 0.5:
            document["data"]["unknown"] = self.random.choice([*TEXTS, 10**19, 1.5, [[]], {"": None}])
        if self.random.random() < 0.3:
            document |= {"correlationid": self.random.choice(TEXTS), "sequence": self.random.choice(["7", "²", "x"])}
        kinds = [
            "application/cloudevents+json",
            "Application/CloudEvents+JSON; charset=utf-8",
            "application/cloudevents",
        ]
        kind = self.random.choice(kinds).encode()
        return odd._replace(
            raw=Raw(odd.raw.key, json.dumps(document).encode(), [(b"Content-Type", kind)]), what="structured"
        )

    def structured_badly(self) -> Odd:
        """Attributes that are no strings, data that is no object, forms that are not taken."""
        odd = self.plain()
        document = self.document(odd)
        kind = b"application/cloudevents+json"
        which = self.random.randrange(5)
        if which == 0:
            name = self.random.choice(["id", "source", "type", "time", "specversion", "sequence", "correlationid"])
            document[name] = self.random.choice([100_000_000_000_000_000_001, 1.0, True, {}, [], ["a"], -1])
        elif which == 1:
            document["data"] = self.random.choice([None, "text", 7, [], True])
        elif which == 2:
            document["data_base64"] = self.random.choice(["not base64", "AA==", 7, "e30="])
        elif which == 3:
            kind = self.random.choice([b"application/cloudevents-batch+json", b"application/cloudevents+avro"])
        value = json.dumps([document] if which == 4 else document).encode()
        return odd._replace(
            raw=Raw(odd.raw.key, value, [(b"content-type", kind)]), handled=False, what="structured badly"
        )

    def deep(self) -> Odd:
        """Data that is nested deep, in an unknown field; parsers take 200 levels of it."""
        odd = self.plain()
        levels = self.random.choice([50, 150, 210, 254, 255, 300, 500, 1_000, 1_100, 5_000])
        nested = (
            (b"[" * levels + b"]" * levels)
            if self.random.random() < 0.5
            else (b'{"a":' * levels + b"0" + b"}" * levels)
        )
        value = (odd.raw.value or b"")[:-1] + b',"unknown":' + nested + b"}"
        raw = odd.raw._replace(value=value)
        if self.random.random() < 0.5:
            around = json.dumps(self.document(odd) | {"data": None}).encode()
            raw = Raw(
                raw.key,
                around.replace(b'"data": null', b'"data": ' + value),
                [(b"content-type", b"application/cloudevents+json")],
            )
        return odd._replace(raw=raw, handled=levels < 200, what="deep")

    def random_bytes(self) -> Odd:
        """Nothing but noise, everywhere."""
        noise = self.random.randbytes
        headers = [
            (noise(self.random.randrange(9)), noise(self.random.randrange(30))) for _ in range(self.random.randrange(5))
        ]
        raw = Raw(
            noise(self.random.randrange(40)), noise(self.random.randrange(300)), headers, self.random.choice(NO_DATES)
        )
        return Odd(raw, "", False, "noise")

    def _bad(self, odd: Odd, what: str, **changes: Any) -> Odd:  # fields of a record
        return odd._replace(raw=odd.raw._replace(**changes), handled=False, what=what)
