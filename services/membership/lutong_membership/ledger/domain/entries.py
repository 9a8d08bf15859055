"""The ledger: balanced entries, and credit lines as their sums: opened, lowered, used and given back. Pure.

Every movement of credit, money or benefit is one entry with legs on accounts, debits positive and
credits negative. The accounts of a member:

    available, held, owed:<member>   what the line still gives, what orders set aside, what goods cost;
                                     the limit is their sum
    charged:<member>                 settlement charges that are not paid yet
    uncovered:<member>               goods for which a lapsed hold left no room on the line
    credit:<member>                  what the platform owes the member (negative, as a liability is)
    benefit:<agreement>              what was enjoyed first and is neither charged nor forgiven yet

Across from them stand `merchant:<id>:payable` and `merchant:<id>:benefits`, and the platform's limits,
beyond, advances, cash (the bank), clearing (what a payment provider has for us), waivers and losses.

At every step `held + owed <= limit`. A line may be lowered below what is in use: it then falls to
its target step by step, as what is in use is given back, and nothing new fits on it meanwhile.
"""

from dataclasses import dataclass, replace
from typing import Final, Literal, NamedTuple

EntryKind = Literal[
    "line_opened", "line_changed", "hold", "release", "expiry", "capture", "late_capture", "uncovered_capture", "no_show_fee",
    "repayment", "overpayment", "deduction", "refund", "refund_owed", "refund_forgiven", "offset", "payout", "benefit_accrued", "benefit_reversed",
    "benefit_forgiven", "charge", "charge_credited", "charge_owed", "charge_forgiven", "waiver", "write_off",
]  # fmt: skip
DebtKind = Literal["order", "uncovered", "charge"]
Source = Literal["cash", "clearing", "credit", "merchant", "benefits", "waivers", "losses"]
Legs = tuple[tuple[str, int], ...]

MONEY: Final[frozenset[Source]] = frozenset({"cash", "clearing", "credit"})
"""Sources that are the member's own money: what a refund may owe them back."""

GENESIS: Final = bytes(32)
_OURS: Final = ("available", "held", "owed", "charged", "uncovered", "credit")


class LineKey(NamedTuple):
    """A member has one line in each currency."""

    member_id: str
    currency: str


@dataclass(frozen=True, slots=True)
class Line:
    """A member's credit line in one currency, in minor units, and the head of its chain of entries.

    `target_minor` is the limit that was decided; while more than that is in use, `limit_minor` is
    what is in use and follows it down.
    """

    member_id: str
    currency: str
    limit_minor: int = 0
    held_minor: int = 0
    owed_minor: int = 0
    charged_minor: int = 0
    uncovered_minor: int = 0
    credit_minor: int = 0
    target_minor: int = 0
    entries: int = 0
    head: bytes = GENESIS

    @property
    def available_minor(self) -> int:
        """What may still be held: charges and uncovered goods count, although they are not on the line."""
        beyond_minor = self.charged_minor + self.uncovered_minor
        return max(0, self.limit_minor - self.held_minor - self.owed_minor - beyond_minor)

    @property
    def indebted_minor(self) -> int:
        """All that the member is to pay."""
        return self.owed_minor + self.charged_minor + self.uncovered_minor

    @property
    def key(self) -> LineKey:
        """The primary key of this line."""
        return LineKey(self.member_id, self.currency)


@dataclass(frozen=True, slots=True)
class Entry:
    """One balanced entry: what it is about, and its legs. `reference` is the business id that makes it unique."""

    kind: EntryKind
    member_id: str
    currency: str
    postings: Legs
    order_id: str | None = None
    agreement_id: str | None = None
    debt_id: str | None = None
    reference: str | None = None

    @property
    def line_key(self) -> LineKey:
        """The line that this entry moves."""
        return LineKey(self.member_id, self.currency)


def after(line: Line, *entries: Entry) -> Line:
    """The line once entries are written: every amount on it is a sum of legs."""
    if not entries:
        return line
    legs = dict(netted(*(entry.postings for entry in entries)))
    available, held, owed, charged, uncovered, credit = [legs.get(f"{name}:{line.member_id}", 0) for name in _OURS]
    return replace(
        line,
        limit_minor=line.limit_minor + available + held + owed,
        held_minor=line.held_minor + held,
        owed_minor=line.owed_minor + owed,
        charged_minor=line.charged_minor + charged,
        uncovered_minor=line.uncovered_minor + uncovered,
        credit_minor=line.credit_minor - credit,
    )


def pair(debit: str, credit: str, amount_minor: int) -> Legs:
    """Two legs that balance; none for nothing."""
    return ((debit, amount_minor), (credit, -amount_minor)) if amount_minor else ()


def netted(*legs: Legs) -> Legs:
    """Legs of one entry with each account once, and without those that cancel out."""
    sums: dict[str, int] = {}
    for account, amount in (leg for some in legs for leg in some):
        sums[account] = sums.get(account, 0) + amount
    return tuple((account, amount) for account, amount in sums.items() if amount)


_DEBT_ACCOUNT: Final[dict[DebtKind, str]] = {"order": "owed", "uncovered": "uncovered", "charge": "charged"}


def reduced(kind: DebtKind, member_id: str, amount_minor: int, source: Source, merchant_id: str = "") -> Legs:
    """The legs by which a debt becomes less: the member's side, and the side that bears or paid it.

    `merchant` and `benefits` take it back from what the merchant was, or is, given; `credit` uses
    what the platform owes the member.
    """
    bearer = {
        "cash": "platform:cash",
        "clearing": "platform:clearing",
        "credit": f"credit:{member_id}",
        "merchant": f"merchant:{merchant_id}:payable",
        "benefits": f"merchant:{merchant_id}:benefits",
        "waivers": "platform:waivers",
        "losses": "platform:losses",
    }[source]
    account = f"{_DEBT_ACCOUNT[kind]}:{member_id}"
    if kind == "charge":
        return pair(bearer, account, amount_minor)
    mirror = f"available:{member_id}" if kind == "order" else "platform:beyond"
    return (*pair(mirror, account, amount_minor), *pair(bearer, "platform:advances", amount_minor))


class OpenedLine(NamedTuple):
    """A new line without a limit, and the entry that gives it its limit."""

    line: Line
    entry: Entry


class Retargeted(NamedTuple):
    """A line with another target, and the entries that take it as far towards it as what is in use allows."""

    line: Line
    entries: list[Entry]


def opened(member_id: str, currency: str, limit_minor: int) -> OpenedLine:
    """Open a line for a member."""
    line = Line(member_id, currency, target_minor=limit_minor)
    entry = Entry("line_opened", member_id, currency, pair(f"available:{member_id}", "platform:limits", limit_minor))
    return OpenedLine(line, entry)


def hold(line: Line, amount_minor: int, order_id: str, agreement_id: str) -> Entry | None:
    """Set credit aside for an order, or None when there is not enough."""
    if amount_minor > line.available_minor:
        return None
    legs = pair(f"held:{line.member_id}", f"available:{line.member_id}", amount_minor)
    return Entry("hold", line.member_id, line.currency, legs, order_id, agreement_id)


def retargeted(line: Line, target_minor: int) -> Retargeted:
    """Decide on another limit: it holds at once as far as what is in use allows, and fully once that is given back."""
    line = replace(line, target_minor=target_minor)
    return Retargeted(line, _towards_target(line, raising=True))


def settled(line: Line, *entries: Entry) -> list[Entry]:
    """Entries that give something back, and the step towards its target that the line takes with them."""
    return [*entries, *_towards_target(after(line, *entries))]


def _towards_target(line: Line, *, raising: bool = False) -> list[Entry]:
    limit_minor = max(line.target_minor, line.held_minor + line.owed_minor)
    change_minor = limit_minor - line.limit_minor
    if not change_minor or (change_minor > 0 and not raising):
        return []
    legs = pair(f"available:{line.member_id}", "platform:limits", change_minor)
    return [Entry("line_changed", line.member_id, line.currency, legs)]
