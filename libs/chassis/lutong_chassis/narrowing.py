"""Finding the record that holds a batch up, while all that can be handled is handled."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Final, NamedTuple

from lutong_chassis.envelope import Incoming, Place, place

GUILTY_MAX: Final = 8
"""When so many fail one by one, it is not about records: the rest is left as it is."""

Attempt = Callable[[Sequence[Incoming]], Awaitable[None]]


class Narrowed(NamedTuple):
    """What a try left of a batch, in order; where the first record is that fails alone, if any is to blame; and why."""

    left: list[Incoming]
    guilty: Place | None = None
    error: Exception | None = None


class _Failure(NamedTuple):
    """A record that failed alone, and why."""

    where: Place
    error: Exception


async def narrow(batch: Sequence[Incoming], attempt: Attempt) -> Narrowed:
    """Handle a batch in halves, down to the records that fail alone.

    What has the key of a record that failed is left, too: order per key is never broken. When all fail, no record is to
    blame: there is no place.
    """
    left: list[Incoming] = []
    failed: list[_Failure] = []
    handled = 0

    async def take(part: Sequence[Incoming]) -> None:
        nonlocal handled
        held = {(item.record.topic, item.record.key) for item in left if item.record.key is not None}
        free = [item for item in part if (item.record.topic, item.record.key) not in held]
        left.extend(item for item in part if (item.record.topic, item.record.key) in held)
        if not free:
            return
        if len(failed) >= GUILTY_MAX:
            left.extend(free)
            return
        try:
            await attempt(free)
            handled += len(free)
        except Exception as error:  # whatever it is, it is about these records
            if len(free) == 1:
                failed.append(_Failure(place(free[0].record), error))
                left.extend(free)
                return
            middle = len(free) // 2
            await take(free[:middle])
            await take(free[middle:])

    await take(batch)
    order = {id(item): n for n, item in enumerate(batch)}
    left.sort(key=lambda item: order[id(item)])
    if not failed:
        return Narrowed(left)
    return Narrowed(left, failed[0].where if handled or len(failed) == 1 else None, failed[0].error)
