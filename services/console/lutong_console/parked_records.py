"""Parked records of a service: what the command line and the web console ask of it, and have it do.

Many are done one after the other: the first stands alone, and only when it went through do the others follow, no faster
than was asked for.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass
from time import monotonic
from typing import Any, Final, Literal, NamedTuple

import httpx

from lutong_console.cli.errors import UNREACHABLE, USAGE, ConsoleError
from lutong_console.targets import ask, call

SELECTION_MAX: Final = 1_000
"""How many records are tried or done at once; then look again, and go on with the next."""

PER_S: Final = 20.0
"""How many records are begun in a second, when nothing else is asked for."""

Verb = Literal["redrive", "discard"]

GOES_THROUGH: Final = ("applies", "applied_before", "passed_over")
"""What a preflight reports of records that a redrive settles."""

_PAGE: Final = 100
_KEYS_MAX: Final = 100


class Selected(NamedTuple):
    """Ids of open parked records that were chosen, at most `SELECTION_MAX`, and how many there are in all."""

    ids: list[int]
    total: int


@dataclass(frozen=True, slots=True)
class Order:
    """What is to be done to chosen records, why, how fast, and whether it goes on when one fails (never the first)."""

    verb: Verb
    reason: str
    per_s: float = PER_S
    keeps_going: bool = False


@dataclass(frozen=True, slots=True)
class Result:
    """What became of one record: how many were settled with those behind it, and why it or one behind it was not.

    `following` is the record that took its place, when it was discarded and one waited behind it.
    """

    id: int
    settled: int
    error: str | None = None
    following: int | None = None


async def parked_of(
    client: httpx.AsyncClient, url: str, wanted: Mapping[str, Any] | None = None, *, everything: bool = False
) -> tuple[list[dict[str, Any]], int]:
    """Open parked records of a service that fit (`reason`, `group`, `key`), and how many there are in all."""
    rows: list[dict[str, Any]] = []
    limit = SELECTION_MAX if everything else _PAGE
    while True:
        params = {"after": rows[-1]["id"] if rows else 0, "limit": limit} | dict(wanted or {})
        answer = await ask(client, "GET", f"{url}/operations/parked", params=params)
        more = answer.json()
        rows += more
        if not everything or len(more) < limit:
            return rows, int(answer.headers.get("lutong-total", len(rows)))


async def under_keys(client: httpx.AsyncClient, url: str, keys: Sequence[str]) -> list[dict[str, Any]]:
    """Open parked records with one of these keys: one key has one at most."""
    rows: list[dict[str, Any]] = []
    for at in range(0, len(keys), _KEYS_MAX):
        rows += (await parked_of(client, url, {"key": keys[at : at + _KEYS_MAX]}, everything=True))[0]
    return rows


async def groups_of(client: httpx.AsyncClient, url: str) -> list[dict[str, Any]]:
    """Open parked records by what they have in common, the largest group first."""
    found: list[dict[str, Any]] = await call(client, "GET", f"{url}/operations/parked/groups")
    return found


async def select(client: httpx.AsyncClient, url: str, group: str | None = None) -> Selected:
    """The oldest open records of a group, or of all."""
    params = {"limit": SELECTION_MAX} | ({"group": group} if group else {})
    answer = await ask(client, "GET", f"{url}/operations/parked", params=params)
    ids = [row["id"] for row in answer.json()]
    return Selected(ids, int(answer.headers.get("lutong-total", len(ids))))


async def preflight(client: httpx.AsyncClient, url: str, ids: Sequence[int]) -> list[dict[str, Any]]:
    """What a redrive of these records would do; the service is asked until it has tried all of them."""
    foreseen: list[dict[str, Any]] = []
    rest = list(ids)
    while rest:
        answer = await call(client, "POST", f"{url}/operations/parked/preflight", json={"ids": rest})
        foreseen += answer["foreseen"]
        rest = answer["rest"]
    return foreseen


def outcomes(foreseen: Sequence[Mapping[str, Any]]) -> dict[str, int]:
    """How many records each outcome was foreseen for. Pure."""
    counts = Counter(each["outcome"] for each in foreseen)
    names = (*GOES_THROUGH, "fails", "busy", "not_parked")
    return {name: counts[name] for name in names}


async def carry_out(
    client: httpx.AsyncClient,
    url: str,
    ids: Sequence[int],
    order: Order,
    is_wanted: Callable[[], bool] = lambda: True,
) -> AsyncIterator[Result]:
    """Do it to one record after the other, and report each. Ends early when the first fails, or when it may not go on.

    `is_wanted` is asked before each. A service that does not answer, or refuses the caller or an option, ends it:
    ConsoleError.
    """
    for number, parked_id in enumerate(ids):
        if not is_wanted():
            return
        begun_s = monotonic()
        result = await _carry_out_one(client, url, parked_id, order)
        yield result
        if result.error and (number == 0 or not order.keeps_going):
            return
        await asyncio.sleep(max(0.0, 1 / order.per_s - (monotonic() - begun_s)))  # the pace that was asked for


async def _carry_out_one(client: httpx.AsyncClient, url: str, parked_id: int, order: Order) -> Result:
    """A redrive goes on with what waits behind, as the service asks; what is discarded is one record."""
    settled, head = 0, parked_id
    while True:
        try:
            address = f"{url}/operations/parked/{head}/{order.verb}"
            answer = await call(client, "POST", address, json={"reason": order.reason})
        except ConsoleError as error:
            if error.code in {UNREACHABLE, USAGE} or error.then:
                raise  # not of this record: nobody is there, this person may not, or an option is wrong for all
            why = str(error).rpartition(f"/{order.verb}: ")[2].partition(" ")[2] or str(error)
            return Result(parked_id, settled, why)
        settled += answer.get("redriven", 1)
        if order.verb == "discard":
            return Result(parked_id, settled, following=answer["next_parked"])
        if answer["next_parked"] is None:
            return Result(parked_id, settled)
        head = answer["next_parked"]
