"""What must be true of the whole suite, whatever died on the way.

Pure functions over one look at it; each yields violations with the smallest witness. The names are those
of docs/reliability.md.
"""

from collections.abc import Callable, Iterable, Iterator
from typing import Any, Final

from lutong_console.verify.audits import audit_is_published
from lutong_console.verify.cash import cash_has_evidence
from lutong_console.verify.charges import charges_are_owed
from lutong_console.verify.collect import World
from lutong_console.verify.endings import everything_ends_once
from lutong_console.verify.ledger import credit_stays_in_limits, ledger_balances
from lutong_console.verify.log import (
    clients_are_remembered,
    inbox_covers_topics,
    log_matches_outbox,
    nothing_is_revealed,
    parked_records_are_held,
)
from lutong_console.verify.money import orders_conserve
from lutong_console.verify.projections import projections_follow
from lutong_console.verify.slots import slots_have_their_places
from lutong_console.verify.sourcing import orders_are_where_they_were_sent
from lutong_console.verify.stock import stock_is_its_movements
from lutong_console.verify.transfers import transfers_conserve
from lutong_console.verify.violation import Violation

WORDS: Final = {
    "V1": "what was committed is on the topics, in order, and nothing else is",
    "V2": "every event is taken in once, or set aside",
    "V3": "the ledger balances, and nobody changed it",
    "V4": "nobody owes more than their limit, at any step",
    "V5": "goods and money agree, order by order",
    "V6": "stock is the sum of its movements, and nothing is sold twice",
    "V7": "everything that began ends once",
    "V8": "answers to clients are true",
    "V9": "copies follow what they are copies of",
    "V10": "what is set aside holds back what is behind it, and nothing else",
    "V11": "no secret is where it must not be",
    "V12": "what is charged is owed, and within its cap",
    "V13": "cash moves on evidence, and sums that need two people had two",
    "V14": "what operators did is on record, and on the audit topics",
    "V15": "orders are where they were sent, and never go back",
    "V16": "a slot takes no more orders than it has places, and each place ends once",
    "V17": "what leaves a location for another one arrives there, is lost, or is on its way",
}
NAMES: Final = tuple(WORDS)
COMPARED_WITH: Final = {"V8": "--history FILE", "V11": "--canary TEXT"}
"""Identities that compare the suite with what only the caller knows, and the option that gives it."""

_OF_THE_WORLD: Final[tuple[Callable[[World], Iterator[Violation]], ...]] = (
    log_matches_outbox,
    inbox_covers_topics,
    ledger_balances,
    credit_stays_in_limits,
    orders_conserve,
    stock_is_its_movements,
    everything_ends_once,
    projections_follow,
    parked_records_are_held,
    charges_are_owed,
    cash_has_evidence,
    audit_is_published,
    orders_are_where_they_were_sent,
    slots_have_their_places,
    transfers_conserve,
)


def evaluate(world: World, canaries: Iterable[str] = (), history: Iterable[dict[str, Any]] = ()) -> list[Violation]:
    """All violations of all identities; canaries are for V11, answers to clients for V8."""
    found = [violation for identity in _OF_THE_WORLD for violation in identity(world)]
    return [*found, *clients_are_remembered(world, history), *nothing_is_revealed(world, canaries)]


_OF_ONE_DATABASE: Final = frozenset({"V3", "V4", "V6", "V12", "V13", "V15", "V16", "V17"})
"""True in every snapshot of one database, whatever is in flight between services."""


def confirmed(earlier: Iterable[Violation], later: Iterable[Violation]) -> list[Violation]:
    """Of two looks at a suite under load, the violations that are not merely in flight.

    What holds across services is broken for a moment while an event travels: only what was broken in
    the same way at both looks stays so. What one database has of itself is never in flight.
    """
    seen = {(violation.identity, violation.witness): violation.what for violation in earlier}
    return [
        violation
        for violation in later
        if violation.identity in _OF_ONE_DATABASE or seen.get((violation.identity, violation.witness)) == violation.what
    ]
