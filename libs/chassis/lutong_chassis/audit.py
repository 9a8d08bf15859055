"""The audit: who did what to which subject, with which effect and why; in the transaction of the effect.

    await audit.record(tx, who, Change("line.set", f"line:{member_id}", reason, before, after))

A row keeps only the fields that changed. Which values it shows is an allow-list: those of `_SHOWN_ALWAYS` and those
that the action declares (`@audited("line.set", shows=("limit_minor",))`). All others are masked: that a name changed
is on record, the name is not. The event for other systems has the names of fields and no values at all.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from typing import Annotated, Final, NamedTuple

import orjson

from lutong_chassis.auth import Principal
from lutong_chassis.database import Tx
from lutong_chassis.envelope import Cause
from lutong_chassis.request import Requested
from lutong_chassis.rows import Sql, columns_of
from lutong_contracts.audit import AuditedAction

MASK: Final = "(masked)"

_SHOWN_ALWAYS: Final = frozenset({"state", "version", "amount_minor", "currency"})
_PERSONAL: Final = re.compile(r"name|title|phone|address|latitude|longitude|score|points|token|password|secret|text")
_ACTION: Final = re.compile(r"[a-z]+(_[a-z]+)*(\.[a-z]+(_[a-z]+)*)+")
_SHORT: Final = 64

_shown: dict[str, frozenset[str]] = {}
"""By action, the fields whose values its rows show. Filled at import, by `@audited`."""


class Change(NamedTuple):
    """What was done: a dotted verb (`line.set`), its subject (`line:member-1`), the reason, and what it changed.

    Give `before` and `after` with all fields of the subject: rows keep those that differ.

        Change("line.set", f"line:{member_id}", reason, before={"limit_minor": 100}, after={"limit_minor": 200})
    """

    action: str
    subject: str
    reason: str | None = None
    before: Mapping[str, object] | None = None
    after: Mapping[str, object] | None = None


_reasoned: set[str] = set()
"""Actions that staff must give a reason for. Filled at import, by `@audited`."""


class ReasonMissingError(ValueError):
    """Staff changes data of others without a reason. The message is meant for the caller."""


class UndeclaredActionError(RuntimeError):
    """A route recorded an action that it does not declare."""


def declare(actions: Iterable[str], shows: Iterable[str], *, reasoned: bool = False) -> None:
    """Enter actions with the fields whose values their rows show, and whether staff must give a reason.

    Raises TypeError for a bad verb or a personal field.
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
    """A change to audit: who made it, by which request, on which journey."""

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
    """`record` for changes of several callers and requests."""
    if not entries:
        return
    masked = [_masked(entry) for entry in entries]
    ids = await _insert(tx, masked)
    tx.audited += len(masked)
    for audit_id, entry in zip(ids, masked, strict=True):
        if entry.requested and entry.requested.exports:
            action = _audited_action(audit_id, entry, entry.requested)
            tx.publish(entry.requested.exports.model_validate(dict(action)), cause=entry.cause)


Fields = Mapping[str, object] | None
_ABSENT: Final = object()


class Effect(NamedTuple):
    """The fields that a change touched, with their values before and after it."""

    before: Fields
    after: Fields


class _AuditRow(NamedTuple):
    """A change as its row keeps it."""

    actor: str
    role: str
    merchant_id: str | None
    request_id: str | None
    correlation_id: str
    action: str
    subject: str
    before: Annotated[str | None, Sql("jsonb")]
    after: Annotated[str | None, Sql("jsonb")]
    reason: str | None


_ROW: Final = columns_of(_AuditRow)


def _masked(entry: Entry) -> Entry:
    """An entry with the values that its row may show, and the request's reason when its change has none of its own."""
    change, requested = entry.change, entry.requested
    if requested and requested.actions and change.action not in requested.actions:
        raise UndeclaredActionError(f"this route does not declare {change.action!r}: add it to its @audited(…)")
    reason = change.reason if change.reason is not None else requested and requested.reason
    if entry.who.is_staff and change.action in _reasoned and reason is None:
        raise ReasonMissingError(
            "the audit needs a reason: send the header Lutong-Reason (UTF-8, may be percent-encoded)"
        )
    before, after = effect(change)
    return entry._replace(change=change._replace(reason=reason, before=before, after=after))


def effect(change: Change) -> Effect:
    """What changed, before and after: fields that are the same on both sides are left out, others masked or shown."""
    before, after = change.before or {}, change.after or {}
    changed = {name for name in (*before, *after) if before.get(name, _ABSENT) != after.get(name, _ABSENT)}
    shown = _SHOWN_ALWAYS | _shown.get(change.action, frozenset())
    sides = (
        None if side is None else {name: _value(side[name], shown=name in shown) for name in side if name in changed}
        for side in (change.before, change.after)
    )
    return Effect(*sides)


def _value(value: object, *, shown: bool) -> object:
    """A value as a row may keep it: short and plain, or masked."""
    if value is None or (shown and isinstance(value, bool | int | float | date)):
        return value
    return value if shown and isinstance(value, str) and len(value) <= _SHORT else MASK


async def _insert(tx: Tx, entries: Sequence[Entry]) -> list[int]:
    inserted = await tx.fetch(
        f"""
        INSERT INTO audit ({_ROW.names})
        SELECT {_ROW.names}
          FROM {_ROW.unnest(place="place")}
         ORDER BY place
        RETURNING id
        """,
        *_ROW.arrays(_row(entry) for entry in entries),
    )
    return [row["id"] for row in inserted]


def _row(entry: Entry) -> _AuditRow:
    who, requested, cause, change = entry
    return _AuditRow(
        who.subject,
        who.role,
        who.merchant_id,
        requested.request_id if requested else None,
        cause.correlation_id,
        change.action,
        change.subject,
        _json(change.before),
        _json(change.after),
        change.reason,
    )


def _json(side: Fields) -> str | None:
    return None if side is None else orjson.dumps(side).decode()


def _audited_action(audit_id: int, entry: Entry, requested: Requested) -> AuditedAction:
    who, change = entry.who, entry.change
    return AuditedAction(
        audit_id=audit_id,
        actor=who.subject,
        role=who.role,
        action=change.action,
        subject=change.subject,
        fields=tuple(sorted({*(change.before or {}), *(change.after or {})})),
        reason=change.reason,
        request_id=requested.request_id,
    )
