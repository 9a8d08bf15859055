"""What lies on the desk while a batch is decided: dossiers, the lines they share, and all that was decided so far. Pure."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Concatenate, ParamSpec

from lutong_membership.domain.accruals import Accrual
from lutong_membership.domain.agreements import Agreement, Said
from lutong_membership.domain.debts import Debt
from lutong_membership.domain.deductions import Deduction
from lutong_membership.domain.dossier import Dossier, Outcome
from lutong_membership.domain.ledger import Entry, Line, after

P = ParamSpec("P")


@dataclass(frozen=True, slots=True)
class Changes:
    """Rows that are new or another than before."""

    agreements: list[Agreement]
    accruals: list[Accrual]
    debts: list[Debt]
    deductions: list[Deduction]


@dataclass(slots=True)
class Desk:
    """Dossiers by agreement, and lines by (member, currency): two agreements of a member draw on one line.

    Decisions are made one after the other, each on what the ones before left.
    """

    dossiers: dict[str, Dossier]
    lines: dict[tuple[str, str], Line]
    entries: list[Entry] = field(default_factory=list)
    _dossiers_before: Mapping[str, Dossier] = field(init=False)
    _lines_before: Mapping[tuple[str, str], Line] = field(init=False)

    def __post_init__(self) -> None:
        self._dossiers_before = dict(self.dossiers)
        self._lines_before = dict(self.lines)

    def dossier(self, agreement_id: str) -> Dossier | None:
        """A dossier as it is by now."""
        dossier = self.dossiers.get(agreement_id)
        return replace(dossier, line=self.lines[dossier.line.key]) if dossier else None

    def decide(
        self, agreement_id: str, rule: "Callable[Concatenate[Dossier, P], Outcome]", *args: P.args, **kwargs: P.kwargs
    ) -> tuple[Said, ...]:
        """Apply a rule to a dossier; gives what is to be said. Nothing is decided about what is not there."""
        dossier = self.dossier(agreement_id)
        return self.take(rule(dossier, *args, **kwargs)) if dossier else ()

    def take(self, outcome: Outcome) -> tuple[Said, ...]:
        """Put what was decided on the desk; gives what is to be said."""
        self.dossiers[outcome.dossier.agreement.agreement_id] = outcome.dossier
        self.lines[outcome.dossier.line.key] = outcome.dossier.line
        self.entries.extend(outcome.entries)
        return outcome.said

    def enter(self, entry: Entry) -> None:
        """An entry of a member that is about no agreement."""
        key = (entry.member_id, entry.currency)
        self.lines[key] = after(self.lines[key], entry)
        self.entries.append(entry)

    def as_locked(self, key: tuple[str, str]) -> Line:
        """A line as it was, but with the limit that was decided since: what its entries are written from."""
        return replace(self._lines_before[key], target_minor=self.lines[key].target_minor)

    def was_retargeted(self, key: tuple[str, str]) -> bool:
        """Whether another limit was decided for a line that has no new entry."""
        before, now = self._lines_before[key], self.lines[key]
        return before.target_minor != now.target_minor and all((e.member_id, e.currency) != key for e in self.entries)

    def changes(self) -> Changes:
        """What is new or another than before."""
        changes = Changes([], [], [], [])
        for key, now in self.dossiers.items():
            before = self._dossiers_before.get(key)
            if before is None or now.agreement != before.agreement:
                changes.agreements.append(now.agreement)
            for name in ("accruals", "debts", "deductions"):
                known = getattr(before, name) if before else {}
                getattr(changes, name).extend(
                    item for item_id, item in getattr(now, name).items() if known.get(item_id) != item
                )
        return changes
