"""The tail page: what is published now, over all topics, filtered; one reader for all pages, which commits nothing.

A page that is slower than the topics loses the oldest records of its own buffer, and shows how many.
"""

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import orjson
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from lutong_chassis.kafka import KafkaAccess
from lutong_console import filters
from lutong_console.cli.commands.tail import describe
from lutong_console.filters import Condition, FilterError
from lutong_console.topic_reader import NOW, Span, records_of
from lutong_console.web.live import frame
from lutong_console.web.pages import session_of, show, target_of
from lutong_contracts import TOPICS

BUFFER_RECORDS: Final = 500
_FRAMES_EVERY_S: Final = 0.25
_SCAN_RECORDS_MAX: Final = 50_000
_SCAN_S: Final = 5.0
_EVENT_BYTES_MAX: Final = 16_384
"""A larger event is shown as its size; `lutong tail --json` prints it whole."""
_SINCE: Final = {
    "1m": timedelta(minutes=1),
    "10m": timedelta(minutes=10),
    "1h": timedelta(hours=1),
    "1d": timedelta(days=1),
}


@dataclass(slots=True)
class Tab:
    """One page that follows: its filter, what it has not been sent yet, and how much it lost."""

    conditions: Sequence[Condition]
    waiting: deque[dict[str, Any]] = field(default_factory=lambda: deque(maxlen=BUFFER_RECORDS))
    dropped: int = 0

    def offer(self, record: dict[str, Any]) -> None:
        """Keep a record that fits, in place of the oldest when the buffer is full."""
        if filters.fits(self.conditions, record):
            self.dropped += len(self.waiting) == BUFFER_RECORDS
            self.waiting.append(record)

    def take(self) -> dict[str, Any]:
        """What has come since the last frame."""
        taken = {"records": list(self.waiting), "dropped": self.dropped}
        self.waiting.clear()
        self.dropped = 0
        return taken


@dataclass(slots=True)
class Reader:
    """Reads all topics from now on while any page follows, and offers each record to every page.

    It is asked to stop, never cancelled: aiokafka leaves connections open when a start is interrupted.
    """

    kafka: KafkaAccess
    tabs: list[Tab] = field(default_factory=list)
    _stop: asyncio.Event = field(default_factory=asyncio.Event)
    _task: asyncio.Task[None] | None = None

    async def follow(self, tab: Tab) -> AsyncGenerator[bytes, None]:
        """Frames for one page, four a second at most, until it goes."""
        self.tabs.append(tab)
        reading = self._reading()
        try:
            while not reading.done():
                yield frame("records", tab.take()) if tab.waiting or tab.dropped else b": still here\n\n"
                await asyncio.sleep(_FRAMES_EVERY_S)  # the pace of frames
            yield frame("ended", {"why": str(reading.exception() or "")})
        finally:
            self.tabs.remove(tab)
            if not self.tabs:
                self._stop.set()

    async def close(self) -> None:
        """End all streams, and wait until nothing is read any more."""
        self._stop.set()
        if self._task:
            await asyncio.wait([self._task])

    def _reading(self) -> asyncio.Task[None]:
        """The task that reads; another one when the one before was asked to stop, or failed."""
        if self._task is None or self._task.done() or self._stop.is_set():
            self._stop = asyncio.Event()
            self._task = asyncio.create_task(self._read(self._stop))
        return self._task

    async def _read(self, stop: asyncio.Event) -> None:
        async with aclosing(records_of(self.kafka, [topic.name for topic in TOPICS], Span(), stop)) as found:
            async for record in found:
                shown = folded(describe(record))
                for tab in self.tabs:
                    tab.offer(shown)


def folded(record: dict[str, Any]) -> dict[str, Any]:
    """A record whose event is shown as its size when it is large."""
    size = len(orjson.dumps(record["event"]))
    return record if size <= _EVENT_BYTES_MAX else record | {"event": {"…": f"{size} bytes"}}


async def page(request: Request) -> Response:
    """The records of a while that fit a filter, the latest first; scripts go on from there."""
    session_of(request)
    text, since = request.query_params.get("filter", ""), request.query_params.get("since", "10m")
    data = {
        "filter": text,
        "since": since,
        "spans": list(_SINCE),
        "wrong": "",
        "records": [],
        "scanned": 0,
        "why": "end",
    }
    try:
        conditions = filters.parse(text)
    except FilterError as error:
        return show(request, "tail.html", data | {"wrong": str(error)}, 422)
    began = datetime.now(UTC) - _SINCE.get(since, _SINCE["10m"])
    records, scanned, why = await _scan(target_of(request).kafka, conditions, began)
    return show(request, "tail.html", data | {"records": list(reversed(records)), "scanned": scanned, "why": why})


async def _scan(
    kafka: KafkaAccess, conditions: Sequence[Condition], began: datetime
) -> tuple[deque[dict[str, Any]], int, str]:
    """The last records that fit, how many were read for them, and what ended the reading: the end, the count or the time."""
    kept: deque[dict[str, Any]] = deque(maxlen=BUFFER_RECORDS)
    scanned, stop = 0, asyncio.Event()
    loop = asyncio.get_running_loop()
    timer = loop.call_later(_SCAN_S, stop.set)
    names = [topic.name for topic in TOPICS]
    async with aclosing(records_of(kafka, names, Span(began, NOW), stop)) as found:
        async for record in found:
            scanned += 1
            if filters.fits(conditions, shown := folded(describe(record))):
                kept.append(shown)
            if scanned == _SCAN_RECORDS_MAX:
                return kept, scanned, "count"
    timer.cancel()
    return kept, scanned, "time" if stop.is_set() else "end"


async def stream(request: Request) -> Response:
    """Records that fit a filter, as they are published."""
    session_of(request)
    try:
        tab = Tab(filters.parse(request.query_params.get("filter", "")))
    except FilterError as error:
        return show(request, "problem.html", {"message": str(error), "then": ""}, 422)
    return StreamingResponse(request.app.state.reader.follow(tab), media_type="text/event-stream")


ROUTES: Final = (Route("/tail", page), Route("/tail/stream", stream))
