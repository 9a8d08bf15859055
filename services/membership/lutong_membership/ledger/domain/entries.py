"""The ledger: balanced entries, chained by hashes, and credit lines as their sums. Pure.

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

Each line chains its entries: number and hash of the last one are on the line, and an entry's hash
covers its predecessor's. Changing, dropping or swapping entries breaks the chain.
"""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Final, Literal, NamedTuple

EntryKind = Literal[
    "line_opened", "line_changed", "hold", "release", "expiry", "capture", "late_capture", "uncovered_capture",
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


@dataclass(frozen=True, slots=True)
class Sealed:
    """An entry in its place on the chain of its line."""

    entry: Entry
    number: int
    at: datetime
    previous_hash: bytes
    hash: bytes


class Chain(NamedTuple):
    """Lines that moved, as they are now, and the entries that moved them, in their places."""

    lines: dict[LineKey, Line]
    entries: list[Sealed]


def canonical(entry: Entry, number: int, at: datetime) -> bytes:
    """What a hash is taken of: all fields of an entry, in one line. No id can contain a separator."""
    about = (entry.order_id, entry.agreement_id, entry.debt_id, entry.reference)
    legs = ",".join(f"{account}={amount}" for account, amount in sorted(entry.postings))
    stamp = at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    facts = (str(number), entry.kind, entry.member_id, entry.currency, *(fact or "" for fact in about), stamp, legs)
    return "|".join(facts).encode()


def seal(line: Line, entry: Entry, now: datetime) -> Sealed:
    """Put an entry in the next place of a line's chain: its hash covers the entry before it."""
    number = line.entries + 1
    digest = hashlib.sha256(line.head + canonical(entry, number, now)).digest()
    return Sealed(entry, number, now, line.head, digest)


def append(line: Line, sealed: Sealed) -> Line:
    """The line once an entry is appended: it moves by the legs that are its own, and its chain grows."""
    return replace(after(line, sealed.entry), entries=sealed.number, head=sealed.hash)


def seal_all(lines: Iterable[Line], entries: Sequence[Entry], now: datetime) -> Chain:
    """Append entries to their lines, in order."""
    known = {line.key: line for line in lines}
    chain = Chain({}, [])
    for entry in entries:
        line = chain.lines.get(entry.line_key) or known[entry.line_key]
        sealed = seal(line, entry, now)
        chain.lines[line.key] = append(line, sealed)
        chain.entries.append(sealed)
    return chain


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
