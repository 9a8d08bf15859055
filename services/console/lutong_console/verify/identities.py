"""What must be true of the whole suite, whatever died on the way.

Functions over one look at it that read sorted streams; each yields violations with the smallest witness. The names are those
of docs/reliability.md.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from lutong_console.verify.aside import clients_are_remembered, nothing_is_revealed, parked_records_are_held
from lutong_console.verify.audits import audit_is_published
from lutong_console.verify.bands import bands_are_published
from lutong_console.verify.cash import cash_has_evidence
from lutong_console.verify.charges import charges_are_owed
from lutong_console.verify.collect import Watcher
from lutong_console.verify.credits import credits_follow
from lutong_console.verify.deleted import deleted_is_gone
from lutong_console.verify.endings import everything_ends_once
from lutong_console.verify.ledger import credit_stays_in_limits, ledger_balances
from lutong_console.verify.light_stores import light_stores_are_rendered
from lutong_console.verify.log import inbox_covers_topics, log_matches_outbox
from lutong_console.verify.money import orders_conserve
from lutong_console.verify.no_shows import no_shows_cost_what_was_signed
from lutong_console.verify.parts import parts_add_up
from lutong_console.verify.projections import projections_follow
from lutong_console.verify.promotions import places_are_paid
from lutong_console.verify.pushes import pushes_keep_their_quota
from lutong_console.verify.rankings import rankings_are_rebuilt
from lutong_console.verify.reads import reads_are_rebuilt
from lutong_console.verify.releases import releases_follow
from lutong_console.verify.sales import sales_are_orders
from lutong_console.verify.services import grants_are_known, services_end_once
from lutong_console.verify.slots import slots_have_their_places
from lutong_console.verify.sourcing import orders_are_where_they_were_sent
from lutong_console.verify.stock import stock_is_its_movements
from lutong_console.verify.timelines import push_is_pull
from lutong_console.verify.traffic import traffic_conserves
from lutong_console.verify.transfers import transfers_conserve
from lutong_console.verify.violation import Violation
from lutong_console.verify.world import World

WITNESSES_MAX: Final = 50
"""How many violations of an identity are shown; all are counted."""
WORDS: Final = {
    "V1": "what was committed is on the topics, in order, and nothing else is",
    "V2": "every event is taken in once, or set aside",
    "V3": "the ledger balances, and nobody changed it",
    "V4": "nobody owes more than their limit, at any step",
    "V5": "goods and money agree, order by order",
    "V6": "stock is the sum of its movements, and nothing is sold twice",
    "V7": "everything that began ends once",
    "V8": "what clients were answered holds",
    "V9": "copies follow what they are copies of",
    "V10": "what is set aside holds back what is behind it, and nothing else",
    "V11": "no secret is where it must not be",
    "V12": "what is charged is owed, and within its cap",
    "V13": "cash moves on evidence, and sums that need two people had two",
    "V14": "what operators did is on record, and on the audit topics",
    "V15": "orders are where they were sent, and never go back",
    "V16": "a slot takes no more orders than it has places, and each place ends once",
    "V17": "what leaves a location for another one arrives there, is lost, or is on its way",
    "V18": "what was published of a shelf is what is there",
    "V19": "the parts of an order add up to it, and what was captured to those that came",
    "V20": "each order is the sale of one store, for what its member paid and no refund took back",
    "V21": "interactions count once, and orders are credited to what led to them",
    "V22": "versions are where their events put them, and the feed shows them so",
    "V23": "a light store is what its template, its row and its merchant's edits make of it",
    "V24": "of a post that was deleted nothing is left to read or to open",
    "V25": "who does not pick an order up pays what they signed, and it counts as no purchase",
    "V26": "what is spent on places in the feed was seen there, as often",
    "V27": "what is kept of a timeline is what its reader would read from the posts",
    "V28": "no life account pushes more than its quota",
    "V29": "no page view of a program is made or lost, and each was earned once",
    "V30": "what is counted of programs by day is what their facts add up to",
    "V31": "a service without goods is captured if its provider did it, and else released",
    "V32": "membership and the feed hold programs to what was granted to them",
    "V33": "how often an account was read in a month is what viewers reported",
}
NAMES: Final = tuple(WORDS)
COMPARED_WITH: Final = {"V8": "--history FILE", "V11": "--canary TEXT"}
"""Identities that compare the suite with what only the caller knows, and the option that gives it."""

IDENTITIES: Final[Mapping[str, Callable[[World], Iterator[Violation]]]] = {
    "V1": log_matches_outbox,
    "V2": inbox_covers_topics,
    "V3": ledger_balances,
    "V4": credit_stays_in_limits,
    "V5": orders_conserve,
    "V6": stock_is_its_movements,
    "V7": everything_ends_once,
    "V9": projections_follow,
    "V10": parked_records_are_held,
    "V11": nothing_is_revealed,
    "V12": charges_are_owed,
    "V13": cash_has_evidence,
    "V14": audit_is_published,
    "V15": orders_are_where_they_were_sent,
    "V16": slots_have_their_places,
    "V17": transfers_conserve,
    "V18": bands_are_published,
    "V19": parts_add_up,
    "V20": sales_are_orders,
    "V21": credits_follow,
    "V22": releases_follow,
    "V23": light_stores_are_rendered,
    "V24": deleted_is_gone,
    "V25": no_shows_cost_what_was_signed,
    "V26": places_are_paid,
    "V27": push_is_pull,
    "V28": pushes_keep_their_quota,
    "V29": traffic_conserves,
    "V30": rankings_are_rebuilt,
    "V31": services_end_once,
    "V32": grants_are_known,
    "V33": reads_are_rebuilt,
}
"""What is so of a world by itself; V8 compares it with what clients were answered."""

_OF_ONE_DATABASE: Final = frozenset(
    {"V3", "V4", "V6", "V12", "V13", "V15", "V16", "V17", "V18", "V23", "V27", "V28", "V29", "V30", "V33"}
)
"""True in every snapshot of one database, whatever is in flight between services."""


def violations(
    world: World, history: Iterable[dict[str, Any]] = (), watcher: Watcher | None = None
) -> Iterator[Violation]:
    """All violations of all identities, one at a time; `history` is what clients were answered, for V8."""
    for name, identity in IDENTITIES.items():
        if watcher:
            watcher.judge(name)
        yield from identity(world)
    yield from clients_are_remembered(world, history)


def evaluate(world: World, history: Iterable[dict[str, Any]] = ()) -> list[Violation]:
    """All violations of a world that is well, or broken on purpose: there are few."""
    return list(violations(world, history))


_VIOLATION: Final = ("identity", "witness", "what")


@dataclass(slots=True)
class Findings:
    """What is broken: how often by identity, and the first witnesses of each."""

    counts: Counter[str] = field(default_factory=Counter)
    witnesses: list[Violation] = field(default_factory=list)

    @classmethod
    def of(cls, found: Iterable[Violation], shown_max: int = WITNESSES_MAX) -> "Findings":
        """Count them all, and keep `shown_max` of each identity."""
        findings = cls()
        for violation in found:
            findings.counts[violation.identity] += 1
            if findings.counts[violation.identity] <= shown_max:
                findings.witnesses.append(violation)
        return findings

    @property
    def total(self) -> int:
        """How many violations there are."""
        return self.counts.total()


class Earlier:
    """The violations of a look, to know which of a later one were there already; as many as there are, in little memory."""

    def __init__(self, found: Iterable[Violation] = ()) -> None:
        self._world = World()
        self._world.remember("violation", _VIOLATION, ())
        self._world.select("CREATE INDEX main.violation_by_witness ON violation (identity, witness)")
        for _ in self.noting(found):
            pass

    def noting(self, found: Iterable[Violation]) -> Iterator[Violation]:
        """Violations on their way to somewhere else, noted here."""
        for violation in found:
            self._world.insert("main.violation", _VIOLATION, [(violation.identity, violation.witness, violation.what)])
            yield violation

    def confirmed(self, later: Iterable[Violation]) -> Iterator[Violation]:
        """Of what a later look at a suite under load found, the violations that are not merely in flight.

        What holds across services is broken for a moment while an event travels: only what was broken in
        the same way at both looks stays so. What one database has of itself is never in flight.
        """
        sql = "SELECT 1 FROM violation WHERE identity = ? AND witness = ? AND what = ?"
        for found in later:
            seen = self._world.select(sql, found.identity, found.witness, found.what)
            if found.identity in _OF_ONE_DATABASE or next(iter(seen), None) is not None:
                yield found

    def close(self) -> None:
        """Forget them."""
        self._world.close()
