"""The chain of a line: entries in their places, each sealed with a hash that covers the one before it. Pure.

Number and hash of the last entry are on the line. Changing, dropping or swapping entries breaks the chain.
"""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import NamedTuple

from lutong_membership.ledger.domain.entries import Entry, Line, LineKey, after


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
