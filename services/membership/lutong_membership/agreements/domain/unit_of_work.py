"""The unit of work of a batch: accounts, the lines they share, and what was decided so far. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from lutong_membership.agreements.domain.account import Account, Debt, Outcome
from lutong_membership.agreements.domain.accruals import Accrual
from lutong_membership.agreements.domain.agreement import Agreement
from lutong_membership.agreements.domain.direct_debit import Deduction
from lutong_membership.ledger.domain.entries import Entry, Line, LineKey, after
from lutong_membership.values import Emitted


@dataclass(frozen=True, slots=True)
class Changes:
    """Rows that are new or another than before."""

    agreements: list[Agreement]
    accruals: list[Accrual]
    debts: list[Debt]
    deductions: list[Deduction]


@dataclass(slots=True)
class UnitOfWork:
    """Accounts by agreement, and lines by their key: two agreements of a member draw on one line.

    Decisions are made one after the other, each on what the ones before left.
    """

    accounts: dict[str, Account]
    lines: dict[LineKey, Line]
    entries: list[Entry] = field(default_factory=list)
    _accounts_before: Mapping[str, Account] = field(init=False)
    _lines_before: Mapping[LineKey, Line] = field(init=False)

    def __post_init__(self) -> None:
        self._accounts_before = dict(self.accounts)
        self._lines_before = dict(self.lines)

    def account(self, agreement_id: str) -> Account | None:
        """The account as decisions so far left it; None for an agreement that was never signed."""
        account = self.accounts.get(agreement_id)
        return replace(account, line=self.lines[account.line.key]) if account else None

    def take(self, outcome: Outcome) -> tuple[Emitted, ...]:
        """Apply an outcome, so that the next decision is made on what it left; gives its events."""
        self.accounts[outcome.account.agreement.agreement_id] = outcome.account
        self.lines[outcome.account.line.key] = outcome.account.line
        self.entries.extend(outcome.entries)
        return outcome.emitted

    def apply(self, entry: Entry) -> None:
        """An entry of a member that is about no agreement."""
        self.lines[entry.line_key] = after(self.lines[entry.line_key], entry)
        self.entries.append(entry)

    def as_locked(self, key: LineKey) -> Line:
        """A line as it was, but with the limit that was decided since: what its entries are written from."""
        return replace(self._lines_before[key], target_minor=self.lines[key].target_minor)

    def was_retargeted(self, key: LineKey) -> bool:
        """Whether another limit was decided for a line that has no new entry."""
        before, now = self._lines_before[key], self.lines[key]
        return before.target_minor != now.target_minor and all(entry.line_key != key for entry in self.entries)

    def changes(self) -> Changes:
        """What is new or another than before."""
        changes = Changes([], [], [], [])
        for key, now in self.accounts.items():
            before = self._accounts_before.get(key)
            if before is None or now.agreement != before.agreement:
                changes.agreements.append(now.agreement)
            for name in ("accruals", "debts", "deductions"):
                known = getattr(before, name) if before else {}
                getattr(changes, name).extend(
                    item for item_id, item in getattr(now, name).items() if known.get(item_id) != item
                )
        return changes
