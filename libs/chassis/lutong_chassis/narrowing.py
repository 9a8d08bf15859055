"""Finding the record that holds a batch up, while all that can be handled is handled."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final

from lutong_chassis.envelope import Record, place
from lutong_chassis.progress import Place

GUILTY_MAX: Final = 8
"""When so many fail one by one, it is not about records: the rest is left as it is."""

Attempt = Callable[[Sequence[Any]], Awaitable[None]]


async def narrow(records: Sequence[Record], attempt: Attempt) -> tuple[list[Record], Place | None, Exception | None]:
    """Handle a batch in halves, down to the records that fail alone.

    Gives what is left, in order, the place of the first that failed alone, and why it did. What has the key of a record
    that failed is left, too: order per key is never broken. When all fail, no record is to blame: there is no place.
    """
    left: list[Record] = []
    failed: list[tuple[Place, Exception]] = []
    handled: list[Record] = []

    async def take(part: Sequence[Record]) -> None:
        held = {(record.topic, record.key) for record in left if record.key is not None}
        free = [record for record in part if (record.topic, record.key) not in held]
        left.extend(record for record in part if (record.topic, record.key) in held)
        if not free:
            return
        if len(failed) >= GUILTY_MAX:
            left.extend(free)
            return
        try:
            await attempt(free)
            handled.extend(free)
        except Exception as error:  # whatever it is, it is about these records
            if len(free) == 1:
                failed.append((place(free[0]), error))
                left.extend(free)
                return
            middle = len(free) // 2
            await take(free[:middle])
            await take(free[middle:])

    await take(records)
    order = {place(record): n for n, record in enumerate(records)}
    left.sort(key=lambda record: order[place(record)])
    first, error = failed[0] if failed else (None, None)
    return left, first if handled or len(failed) == 1 else None, error
