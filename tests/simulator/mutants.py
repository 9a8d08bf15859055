"""Bugs that relays and consumers have had, here or elsewhere, each put back into the real code by its text.

A mutant names where it goes and what it replaces; when the code has changed so that it does not fit any more, that is an error.
"""

import inspect
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import FunctionType, ModuleType
from typing import Any, Final, NamedTuple

from lutong_chassis import consumer, parking, processing, relay, subscriber
from lutong_chassis.commands import keys


@dataclass(frozen=True, slots=True)
class Mutant:
    """A function (or a method, `Class.method`) of a module, a part of its text, and what stands there instead."""

    module: ModuleType
    function: str
    old: str
    new: str
    story: str
    """What went wrong for whom."""


MUTANTS: Final[dict[str, Mutant]] = {
    "pages_by_id": Mutant(
        relay,
        "Relay._session",
        "turn += 1\n",
        "turn += 1\n"
        "                rows = [row for row in rows if row['id'] > getattr(connection, 'last', 0)]\n"
        "                connection.last = max([row['id'] for row in rows], default=getattr(connection, 'last', 0))\n",
        "`id > last`: what commits late under a lower id is never sent (reliability.md, finding 1)",
    ),
    "orders_by_transaction": Mutant(
        relay,
        "pending",
        "ORDER BY logged.id",
        "ORDER BY logged.written_at, logged.id",
        "rows in the order in which transactions began, not in which they took the lock of their key (finding 2)",
    ),
    "shares_by_skip_locked": Mutant(
        relay,
        "Relay._session",
        "turn += 1\n",
        "turn += 1\n"
        "                self.shards = set(range(outbox.SHARDS))\n"
        "                taken = vars(self.pool.engine).setdefault('taken', {})\n"
        "                busy = {n for n, by in taken.items() if by is not connection and not by.is_closed() and by.sends}\n"
        "                rows = [row for row in rows if row['id'] not in busy]\n"
        "                taken.update((row['id'], connection) for row in rows)\n"
        "                connection.sends = True\n",
        "several relays take whatever another has not taken: keys are reordered (finding 4)",
    ),
    "goes_on_after_a_refusal": Mutant(
        relay, "_send", "break", "continue", "a batch that was refused does not hold back the next one of its partition"
    ),
    "marks_before_the_acknowledgement": Mutant(
        relay,
        "_carry",
        "deliveries = [",
        "await mark(connection, rows)\n    deliveries = [",
        "rows are marked when they are sent: what a broker refuses is lost",
    ),
    "acknowledges_first": Mutant(
        consumer,
        "Consumer.on_poll",
        'failpoints.reach("consumer_fetched")',
        "self.handled |= dict(positions or {})\n        await self.commit_offsets(consumer)",
        "offsets are committed when records come: at most once (finding 7)",
    ),
    "rewinds_one_partition": Mutant(
        subscriber,
        "KafkaSubscriber._fetch",
        "consumer.seek(partition, before)",
        "consumer.seek(partition, before)\n                    break",
        "after a failed read only one partition goes back: the others' records are lost (finding 8)",
    ),
    "forgets_where_a_first_read_began": Mutant(
        subscriber,
        "KafkaSubscriber._fetch",
        "self._astray.add(partition)",
        "pass",
        "the first read of an assignment fails, and partitions of unknown position do not go back (found by schedule 46)",
    ),
    "moves_what_went_back_on_purpose": Mutant(
        subscriber,
        "KafkaSubscriber._poll",
        "await self._go_back_to_committed(consumer)\n",
        "asked_from = self.positions()\n"
        "            try:\n"
        "                await self._go_back_to_committed(consumer)\n"
        "                await self.consumer.look_back(consumer)\n"
        "            except Exception:\n"
        "                [consumer.seek(each, to) for each, to in asked_from.items() if to is not None]\n"
        "                raise\n",
        "a partition went back to what is committed, the database was away, and it was put where it had been (found by schedule 2761)",
    ),
    "gives_up_when_a_poll_fails": Mutant(
        consumer,
        "Consumer._wait",
        "except Exception as error:",
        "except TimeoutError as error:",
        "a poll that fails while a batch waits for its next try takes the batch with it (found by schedule 587)",
    ),
    "takes_in_apart": Mutant(
        processing,
        "handle",
        'failpoints.reach("inbox_inserted")',
        'await tx.connection.execute("COMMIT")\n    await tx.connection.execute("BEGIN")',
        "the inbox has a transaction of its own: a crash before the effect loses it (trap 4)",
    ),
    "keeps_what_came_while_it_waited": Mutant(
        consumer,
        "Consumer._wait",
        "consumer.seek(partition, early[0].offset)",
        "pass",
        "records that a paused consumer was given all the same are dropped",
    ),
    "lets_a_successor_overtake": Mutant(
        parking,
        "blocked_keys",
        "AND state IN ('parked', 'waiting')\n         ORDER BY id\n           FOR SHARE",
        "AND state = 'parked'",
        "a record behind one that waits is handled before it",
    ),
    "answers_twice": Mutant(
        keys,
        "keep",
        "raise AnsweredMeanwhileError",
        "pass",
        "two replicas do the same command at once, and both answer",
    ),
}


@contextmanager
def put_back(name: str | None) -> Iterator[None]:
    """Have a mutant in the code; without a name, none."""
    if name is None:
        yield
        return
    mutant = MUTANTS[name]
    owner, function = _find(mutant)
    source = inspect.getsource(function)
    if mutant.old not in source:
        raise ValueError(f"{name} fits no more: {mutant.module.__name__}.{mutant.function} has no {mutant.old!r}")
    changed = source.replace(mutant.old, mutant.new, 1)
    made: dict[str, Any] = {}
    exec(f"if True:\n{changed}" if source.startswith(" ") else changed, vars(mutant.module), made)  # noqa: S102  # our own code
    setattr(owner, function.__name__, made[function.__name__])
    try:
        yield
    finally:
        setattr(owner, function.__name__, function)


class _Found(NamedTuple):
    """A function, and the module or class that has it."""

    owner: Any
    function: FunctionType


def _find(mutant: Mutant) -> _Found:
    owner: Any = mutant.module
    *path, name = mutant.function.split(".")
    for part in path:
        owner = getattr(owner, part)
    return _Found(owner, vars(owner)[name])
