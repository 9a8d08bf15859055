"""The audit: who did what, to whom, with which effect and why; in the transaction of the effect.

    await audit.record(tx, who, Change("line.set", f"line:{member_id}", reason, before, after))

A row keeps only the fields that changed. Which values it shows is an allow-list: those of `_SHOWN_ALWAYS` and those
that the action declares (`@audited("line.set", shows=("limit_minor",))`). All others are masked: that a name changed
is on record, the name is not. The event that tells other systems has the names of fields and no values at all.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from typing import Final, NamedTuple

import orjson

from lutong_chassis.auth import Principal
from lutong_chassis.database import Tx, columns
from lutong_chassis.envelope import Cause
from lutong_chassis.request import Requested
from lutong_contracts.audit import Deed

MASK: Final = "(masked)"

_SHOWN_ALWAYS: Final = frozenset({"state", "version", "amount_minor", "currency"})
_PERSONAL: Final = re.compile(r"name|title|phone|address|latitude|longitude|score|points|token|password|secret|text")
_ACTION: Final = re.compile(r"[a-z]+(_[a-z]+)*(\.[a-z]+(_[a-z]+)*)+")
_SHORT: Final = 64

_shown: dict[str, frozenset[str]] = {}
"""By action, the fields whose values its rows show. Filled at import, by `@audited`."""


class Change(NamedTuple):
    """What was done: a dotted verb (`line.set`), to a subject (`line:member-1`), and what that changed."""

    action: str
    subject: str
    reason: str | None = None
    before: Mapping[str, object] | None = None
    after: Mapping[str, object] | None = None


_reasoned: set[str] = set()
"""Actions that staff must give a reason for. Filled at import, by `@audited`."""


class ReasonMissingError(ValueError):
    """Staff acts on what is another's without saying why. The message is for who asked."""


class UndeclaredActionError(RuntimeError):
    """A route recorded an action that it does not declare."""


def declare(actions: Iterable[str], shows: Iterable[str], *, reasoned: bool = False) -> None:
    """Enter actions with the fields whose values their rows show, and whether staff must say why.

    TypeError for a bad verb or a personal field.
    """
    shown = frozenset(shows)
    if personal := sorted(field for field in shown if _PERSONAL.search(field)):
        raise TypeError(f"an audit row must not show {personal[0]!r}: it may be personal")
    for action in actions:
        if not _ACTION.fullmatch(action):
            raise TypeError(f"{action!r} is not a dotted verb such as `line.set`")
        _shown[action] = _shown.get(action, frozenset()) | shown
        if reasoned:
            _reasoned.add(action)


def declared() -> Mapping[str, frozenset[str]]:
    """Every action with the fields whose values its rows show."""
    return {action: _SHOWN_ALWAYS | shown for action, shown in sorted(_shown.items())}


class Entry(NamedTuple):
    """A change that goes on record: who made it, by which request, on which journey."""

    who: Principal
    requested: Requested | None
    cause: Cause
    change: Change


async def record(tx: Tx, who: Principal, *changes: Change) -> None:
    """Write changes to the audit, and publish an event for each; one statement for any number of them.

    A change without a reason has the one of the request (`Lutong-Reason`); `ReasonMissingError` when staff has to give
    one and did not. `UndeclaredActionError` when the route of the request does not declare an action.
    """
    await record_all(tx, [Entry(who, tx.request, tx.cause, change) for change in changes])


async def record_all(tx: Tx, entries: Sequence[Entry]) -> None:
    """The same for changes that several people made by several requests."""
    if not entries:
        return
    rows = [_row(entry) for entry in entries]
    ids = await _insert(tx, entries, rows)
    tx.audited += len(rows)
    for audit_id, entry, row in zip(ids, entries, rows, strict=True):
        if entry.requested and entry.requested.exports:
            deed = _deed(audit_id, entry.who, row, entry.requested.request_id)
            tx.publish(entry.requested.exports.model_validate(dict(deed)), cause=entry.cause)


def _row(entry: Entry) -> "_Row":
    """What is kept of a change, or why it must not be made like this."""
    change, requested = entry.change, entry.requested
    if requested and requested.actions and change.action not in requested.actions:
        raise UndeclaredActionError(f"this route does not declare {change.action!r}: add it to its @audited(…)")
    reason = change.reason if change.reason is not None else requested and requested.reason
    if entry.who.is_staff and change.action in _reasoned and reason is None:
        raise ReasonMissingError(
            "say why, for the audit: send the header Lutong-Reason (UTF-8, may be percent-encoded)"
        )
    return change.action, change.subject, *effect(change), reason


Effect = Mapping[str, object] | None
_Row = tuple[str, str, Effect, Effect, str | None]
_ABSENT: Final = object()


def effect(change: Change) -> tuple[Effect, Effect]:
    """What changed, before and after: fields that are the same on both sides are left out, others masked or shown."""
    before, after = change.before or {}, change.after or {}
    changed = {name for name in (*before, *after) if before.get(name, _ABSENT) != after.get(name, _ABSENT)}
    shown = _SHOWN_ALWAYS | _shown.get(change.action, frozenset())
    sides = (
        None if side is None else {name: _value(side[name], shown=name in shown) for name in side if name in changed}
        for side in (change.before, change.after)
    )
    one, other = sides
    return one, other


def _value(value: object, *, shown: bool) -> object:
    """A value as a row may keep it: short and plain, or masked."""
    if value is None or (shown and isinstance(value, bool | int | float | date)):
        return value
    return value if shown and isinstance(value, str) and len(value) <= _SHORT else MASK


async def _insert(tx: Tx, entries: Sequence[Entry], rows: Sequence[_Row]) -> list[int]:
    kept = [
        (*_actor(entry), action, subject, _json(before), _json(after), reason)
        for entry, (action, subject, before, after, reason) in zip(entries, rows, strict=True)
    ]
    inserted = await tx.fetch(
        """
        INSERT INTO audit (actor, role, merchant_id, request_id, correlation_id, action, subject, before, after, reason)
        SELECT actor, role, merchant_id, request_id, correlation_id, action, subject, before::jsonb, after::jsonb, reason
          FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[],
                      $9::text[], $10::text[])
               WITH ORDINALITY AS given(actor, role, merchant_id, request_id, correlation_id, action, subject, before,
                                        after, reason, place)
         ORDER BY place
        RETURNING id
        """,
        *columns(kept, 10),
    )
    return [row["id"] for row in inserted]


def _actor(entry: Entry) -> tuple[str, str, str | None, str | None, str]:
    requested = entry.requested
    request_id = requested.request_id if requested else None
    return entry.who.subject, entry.who.role, entry.who.merchant_id, request_id, entry.cause.correlation_id


def _json(side: Effect) -> str | None:
    return None if side is None else orjson.dumps(side).decode()


def _deed(audit_id: int, who: Principal, row: _Row, request_id: str) -> Deed:
    action, subject, before, after, reason = row
    return Deed(
        audit_id=audit_id,
        actor=who.subject,
        role=who.role,
        action=action,
        subject=subject,
        fields=tuple(sorted({*(before or {}), *(after or {})})),
        reason=reason,
        request_id=request_id,
    )
