"""Sending batches: some at once, those that are about one thing one after the other; what a service refuses, row by row.

A request is known by its content (`Request.digest`), and services answer a known one as before. So whatever was broken
off is run again from its beginning, and what was taken has no second effect.
"""

import asyncio
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, Final

import httpx
from uuid_utils import uuid7

from lutong_console.cli.errors import PROBLEM, UNREACHABLE, ConsoleError
from lutong_console.imports.batches import Batch
from lutong_console.imports.reading import Read
from lutong_console.imports.rows import Kind, Refusal, Request, Row

_REFUSES: Final = frozenset({400, 404, 409, 413, 422})
"""About what was sent: other rows may be taken."""
_LATER: Final = frozenset({429, 503})
_LATER_KINDS: Final = frozenset({"in_progress", "card_resolving"})
_PATIENCE_S: Final = 120.0
"""How long a service may be busy, or away while it is started again."""
_FOLLOWS_WITHIN_S: Final = 3.0
_FOLLOWS_AFTER_S: Final = 0.5
"""For how long after the beginning of a file rows are asked for again that need what travels still, and how soon."""


@dataclass(slots=True)
class Sender:
    """Sends the rows of one file to its service."""

    client: httpx.AsyncClient
    url: str
    kind: Kind[Any]
    reject: Callable[[Read, Refusal], None]
    salt: str = ""
    """Set to have rows taken again that were taken before."""
    taken: int = 0
    known: int = 0
    """Rows that had been taken before."""
    began: float = field(default_factory=time.monotonic)
    _busy: set[str] = field(default_factory=set)
    _running: set[asyncio.Task[None]] = field(default_factory=set)

    @property
    def at_once(self) -> int:
        """How many requests are on their way at a time: those with one row cost little."""
        return 4 if self.kind.rows_max > 1 else 16

    async def send(self, batch: Batch) -> None:
        """Begin to send a batch, as soon as there is room and nothing about the same things is on its way."""
        while len(self._running) >= self.at_once or not self._busy.isdisjoint(batch.keys):
            await self._settle(asyncio.FIRST_COMPLETED)
        self._busy |= batch.keys
        self._running.add(asyncio.create_task(self._take(batch)))

    async def finish(self) -> None:
        """Wait for everything that is on its way."""
        while self._running:
            await self._settle(asyncio.ALL_COMPLETED)

    async def stop(self) -> None:
        """Give up what is on its way; it may have been taken."""
        for task in self._running:
            task.cancel()
        await asyncio.gather(*self._running, return_exceptions=True)

    async def _settle(self, when: str) -> None:
        done, self._running = await asyncio.wait(self._running, return_when=when)
        for task in done:
            task.result()  # whatever stopped one stops all

    async def _take(self, batch: Batch) -> None:
        await self._rows(batch.rows, batch.reads)
        self._busy -= batch.keys

    async def _rows(self, rows: list[Row], reads: list[Read], salt: str = "") -> None:
        """Have rows taken, under keys of their own with `salt`. Of several that are refused together, halves are tried, down to those that are to blame."""
        answer = await self._answered(self.kind.request(rows), salt)
        if answer.is_success:
            await self._count(answer, rows, reads)
            return
        wrong = _blamed(answer, rows)
        if len(rows) == 1:
            self.reject(reads[0], wrong.get(0) or _refusal(answer, rows[0]))
            return
        if wrong:
            for place, refusal in wrong.items():
                self.reject(reads[place], refusal)
            kept = [place for place in range(len(rows)) if place not in wrong]
            if kept:
                await self._rows([rows[place] for place in kept], [reads[place] for place in kept])
            return
        middle = len(rows) // 2
        await self._rows(rows[:middle], reads[:middle])
        await self._rows(rows[middle:], reads[middle:])

    async def _count(self, answer: httpx.Response, rows: list[Row], reads: list[Read]) -> None:
        """Count what was taken; ask once more for what was refused before, or may be taken in a moment."""
        refusals = self.kind.refusals(answer.json(), rows) if self.kind.refusals else [None] * len(rows)
        replayed = "idempotency-replayed" in answer.headers
        again = [place for place, refusal in enumerate(refusals) if refusal and (replayed or self._may_follow(refusal))]
        for place, refusal in enumerate(refusals):
            if refusal and place not in again:
                self.reject(reads[place], refusal)
        count = refusals.count(None)
        self.known += count if replayed else 0
        self.taken += 0 if replayed else count
        if again:
            await asyncio.sleep(0 if replayed else _FOLLOWS_AFTER_S)
            await self._rows([rows[place] for place in again], [reads[place] for place in again], f"-{uuid7()}")

    def _may_follow(self, refusal: Refusal) -> bool:
        """Whether what a row needs may be on its way: it was imported a moment ago, and travels between services."""
        return refusal.later and time.monotonic() - self.began < _FOLLOWS_WITHIN_S

    async def _answered(self, request: Request, salt: str) -> httpx.Response:
        """The answer to a request, waiting for as long as a service is busy; one that concerns all rows is an error."""
        began = time.monotonic()
        while True:
            answer = await self._sent(request, salt)
            if answer is not None and not _is_for_later(answer):
                break
            if time.monotonic() - began > _PATIENCE_S:
                raise self._silent(answer)
            await asyncio.sleep(_pause_s(answer))
        if answer.is_success or answer.status_code in _REFUSES:
            return answer
        denied = answer.status_code in {httpx.codes.UNAUTHORIZED, httpx.codes.FORBIDDEN}
        then = "set LUTONG_TOKEN or LUTONG_TOKEN_FILE to a token that may" if denied else "lutong doctor"
        where = f"{request.method} {self.url}{request.path}: {answer.status_code}"
        raise ConsoleError(f"{where} {_document(answer).get('detail', '')}", then=then, code=PROBLEM)

    async def _sent(self, request: Request, salt: str) -> httpx.Response | None:
        headers = {"content-type": "application/json", "idempotency-key": f"import-{request.digest}{self.salt}{salt}"}
        url = f"{self.url}{request.path}"
        try:
            return await self.client.request(request.method, url, content=request.content, headers=headers)
        except httpx.TransportError:
            return None

    def _silent(self, answer: httpx.Response | None) -> ConsoleError:
        what = (
            "does not answer"
            if answer is None
            else f"is busy ({answer.status_code} {_document(answer).get('detail', '')})"
        )
        return ConsoleError(
            f"{self.kind.service} at {self.url} {what}; what was taken is kept: run the same command again to go on",
            then="lutong status",
            code=UNREACHABLE,
        )


def _is_for_later(answer: httpx.Response) -> bool:
    if answer.status_code in _LATER:
        return True
    return answer.status_code == httpx.codes.CONFLICT and _kind_of(answer) in _LATER_KINDS


def _pause_s(answer: httpx.Response | None) -> float:
    """As long as we are asked to wait."""
    asked = answer.headers.get("retry-after", "") if answer is not None else ""
    return min(10.0, float(asked)) if asked.isdecimal() else 0.5


def _document(answer: httpx.Response) -> dict[str, Any]:
    found = answer.json() if "json" in answer.headers.get("content-type", "") else {"detail": answer.text[:200]}
    return found if isinstance(found, dict) else {}


def _kind_of(answer: httpx.Response) -> str:
    return str(_document(answer).get("type", "")).rpartition(":")[2]


def _blamed(answer: httpx.Response, rows: list[Row]) -> dict[int, Refusal]:
    """Rows that a service names as wrong, by their place: `/body/shelves/3/on_hand`."""
    found: dict[int, Refusal] = {}
    for error in _document(answer).get("errors", ()):
        steps = str(error.get("pointer", "")).split("/")[2:]
        if len(steps) > 1 and steps[1].isdecimal() and int(steps[1]) < len(rows):
            found.setdefault(int(steps[1]), Refusal(steps[2] if len(steps) > 2 else "", error["detail"]))
    return found


def _refusal(answer: httpx.Response, row: Row) -> Refusal:
    """Why the only row of a request is refused; the column is the one whose value is named, if one is."""
    reason = str(_document(answer).get("detail", answer.status_code))
    return Refusal(next(_columns_named(row, reason), ""), reason)


def _columns_named(row: Row, reason: str) -> Iterator[str]:
    for name, value in row:
        if isinstance(value, str) and value and repr(value) in reason:
            yield name
