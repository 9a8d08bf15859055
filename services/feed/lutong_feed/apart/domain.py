"""Who may be kept apart from whom. Pure: no clock, no database, no ids made here."""

from collections.abc import Collection, Mapping
from typing import Final, Literal, NamedTuple

from lutong_feed.domain import Refusal

Kind = Literal["block", "mute"]
"""A block holds both ways: neither reads, follows or reposts the other. A mute keeps posts out of one's own timeline, and nobody learns
of it."""

APART_MAX: Final = 1_000
"""Accounts that one account blocks, or mutes."""


class KeepApart(NamedTuple):
    """An account blocks or mutes another one."""

    account_id: str
    other_id: str
    kind: Kind


class LetBe(NamedTuple):
    """An account blocks or mutes another one no more."""

    account_id: str
    other_id: str
    kind: Kind


class Pair(NamedTuple):
    """Two accounts, in any order."""

    account_id: str
    other_id: str


class Apart(NamedTuple):
    """What is kept: one account blocks or mutes another one."""

    account_id: str
    other_id: str
    kind: Kind


def why_not(wanted: KeepApart, known: Collection[str], kept: Mapping[tuple[str, str], int]) -> Refusal | None:
    """Why an account cannot block or mute another one; `kept` is how many it blocks and mutes, by account and kind."""
    if wanted.account_id == wanted.other_id:
        return Refusal("itself", f"account {wanted.account_id!r} cannot {wanted.kind} itself")
    unknown = next((name for name in wanted[:2] if name not in known), None)
    if unknown:
        return Refusal("not_found", f"there is no account {unknown!r}")
    if kept.get((wanted.account_id, wanted.kind), 0) >= APART_MAX:
        detail = f"account {wanted.account_id!r} has {APART_MAX} {wanted.kind}s: end one that is no longer needed"
        return Refusal("too_many", detail)
    return None
