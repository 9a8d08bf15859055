"""Credit lines: opened, lowered, used and given back, each step an entry. Pure.

At every step `held + owed <= limit`. A line may be lowered below what is in use: it then falls to
its target step by step, as what is in use is given back, and nothing new fits on it meanwhile.
"""

from dataclasses import replace
from typing import NamedTuple

from lutong_membership.ledger.domain.entries import Entry, Line, after, pair


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
