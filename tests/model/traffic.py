"""Page views of a program as their rules have them: granted, held, settled, ended and taken back, in random order."""

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Final

from lutong_registry.traffic.domain import ledger, visits
from lutong_registry.traffic.domain.ledger import Account, Entry, Lot, Moved, Spend
from tests.model.shelf_promises import BrokenPromiseError
from tests.model.shelves import Without

_BEGIN: Final = datetime(2026, 11, 29, 4, tzinfo=UTC)
_NAMES: Final = ("spent", "expired", "reversed", "available", "held")


@dataclass(slots=True)
class Traffic:
    """An account with its ledger, the spends that are open, and the rules that are left out."""

    rng: Random
    without: Without = frozenset()
    now: datetime = _BEGIN
    account: Account = field(default_factory=lambda: Account("g-1"))
    entries: list[Entry] = field(default_factory=list)
    spends: list[Spend] = field(default_factory=list)
    granted: int = 0
    owed: int = 0
    made: int = 0

    def step(self) -> None:
        """Something happens, some hours later; afterwards all adds up."""
        self.now += timedelta(hours=self.rng.randint(0, 30))
        moves = [self.grant, self.grant, self.reserve, self.settle, self.expire, self.reverse]
        self.take(self.rng.choice(moves)())
        self.check()

    def grant(self) -> Moved:
        """Visitors of a day earned, some of them late."""
        day = visits.day_of(self.now) - timedelta(days=self.rng.randint(0, 7))
        pv = self.rng.randint(1, 9) * 300
        self.granted += pv
        return ledger.grant(self.account, Lot(visits.midnight(day) + timedelta(days=31), day, 1, pv), "day")

    def reserve(self) -> Moved:
        """A slot asks for page views, and may ask for more than there are."""
        self.made += 1
        pv, spend_id = self.rng.randint(1, 900), f"s-{self.made}"
        found = ledger.reserve(self.account, pv, spend_id, self.now)
        if found is None:
            return Moved(self.account, ())
        day = visits.day_of(self.now)
        self.spends.append(Spend(spend_id, "g-1", "timeline", None, day, pv, 0, "reserved", found.taken))
        return (
            found
            if "lots" not in self.without
            else found._replace(account=replace(found.account, lots=self.account.lots))
        )

    def settle(self) -> Moved:
        """A slot reports, soon or long after what it holds has ended."""
        if not self.spends:
            return Moved(self.account, ())
        spend = self.spends.pop(self.rng.randrange(len(self.spends)))
        moved = ledger.settle(self.account, spend, self.rng.randint(0, spend.pv), self.now)
        kept = tuple(entry for entry in moved.entries if entry.kind != "release" or "release" not in self.without)
        return moved._replace(entries=kept)

    def expire(self) -> Moved:
        """What is past its time ends."""
        moved = ledger.expire(self.account, self.now)
        return moved if "expire" not in self.without else moved._replace(account=self.account)

    def reverse(self) -> Moved:
        """An operator takes back what was granted, also what was spent already."""
        pv = self.rng.randint(1, 600)
        self.owed += pv
        moved = ledger.reverse(self.account, visits.day_of(self.now), pv, "day")
        return moved if "debt" not in self.without else moved._replace(account=replace(moved.account, debt=0))

    def take(self, moved: Moved) -> None:
        """It takes effect."""
        self.account = moved.account
        self.entries += moved.entries

    def check(self) -> None:
        """R7: what there is is what the ledger adds up to, the lots hold what may be spent, and nothing is below zero."""
        account = self.account
        folded = {
            name: sum((entry.credit == name) * entry.pv - (entry.debit == name) * entry.pv for entry in self.entries)
            for name in _NAMES
        }
        holds = [
            folded == {name: getattr(account, name) for name in _NAMES},
            account.granted == sum(folded.values()) == self.granted,
            min([*folded.values(), account.debt, *(lot.remaining for lot in account.lots)]) >= 0,
            account.available == sum(lot.remaining for lot in account.lots),
            account.held == sum(spend.pv for spend in self.spends),
            account.reversed + account.debt == self.owed,
        ]
        if not all(holds):
            raise BrokenPromiseError(f"{holds} of {account}")


def run(seed: int, steps: int, without: Without = frozenset()) -> int:
    """One account's life; gives how many rows its ledger has."""
    traffic = Traffic(Random(seed), without)
    for _ in range(steps):
        traffic.step()
    return len(traffic.entries)
