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
from lutong_chassis.rows import Sql, columns_of
from lutong_contracts.audit import Deed

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


async def record(tx: Tx, who: Principal, *changes: Change) -> None:
    """Write changes to the audit, and publish an event for each; one statement for any number of them.

    A change without a reason has the one of the request (`Lutong-Reason`); `ReasonMissingError` when staff has to give
    one and did not. `UndeclaredActionError` when the route of the request does not declare an action.
    """
    if not changes:
        return
    requested = tx.request
    if requested and requested.actions:
        for change in changes:
            if change.action not in requested.actions:
                raise UndeclaredActionError(f"this route does not declare {change.action!r}: add it to its @audited(…)")
    given = requested.reason if requested else None
    masked = [_masked(change, given) for change in changes]
    if who.is_staff and any(change.action in _reasoned and change.reason is None for change in masked):
        raise ReasonMissingError(
            "the audit needs a reason: send the header Lutong-Reason (UTF-8, may be percent-encoded)"
        )
    ids = await _insert(tx, who, masked)
    tx.audited += len(masked)
    if requested and requested.exports:
        deeds = [
            _deed(audit_id, who, change, requested.request_id) for audit_id, change in zip(ids, masked, strict=True)
        ]
        tx.publish(*(requested.exports.model_validate(dict(deed)) for deed in deeds))


Fields = Mapping[str, object] | None
_ABSENT: Final = object()


class Effect(NamedTuple):
    """The fields that a change touched, with their values before and after it."""

    before: Fields
    after: Fields


class _AuditRow(NamedTuple):
    """A change as its row keeps it."""

    action: str
    subject: str
    before: Annotated[str | None, Sql("jsonb")]
    after: Annotated[str | None, Sql("jsonb")]
    reason: str | None


_ROW: Final = columns_of(_AuditRow)


def _masked(change: Change, given: str | None) -> Change:
    """A change with the values that its row may show, and the request's reason when it has none of its own."""
    before, after = effect(change)
    return change._replace(reason=given if change.reason is None else change.reason, before=before, after=after)


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


async def _insert(tx: Tx, who: Principal, changes: Sequence[Change]) -> list[int]:
    rows = [
        _AuditRow(each.action, each.subject, _json(each.before), _json(each.after), each.reason) for each in changes
    ]
    inserted = await tx.fetch(
        f"""
        INSERT INTO audit (actor, role, merchant_id, request_id, correlation_id, {_ROW.names})
        SELECT $1, $2, $3, $4, $5, {_ROW.names}
          FROM {_ROW.unnest(first=6, place="place")}
         ORDER BY place
        RETURNING id
        """,
        who.subject,
        who.role,
        who.merchant_id,
        tx.request.request_id if tx.request else None,
        tx.cause.correlation_id,
        *_ROW.arrays(rows),
    )
    return [row["id"] for row in inserted]


def _json(side: Fields) -> str | None:
    return None if side is None else orjson.dumps(side).decode()


def _deed(audit_id: int, who: Principal, change: Change, request_id: str) -> Deed:
    return Deed(
        audit_id=audit_id,
        actor=who.subject,
        role=who.role,
        action=change.action,
        subject=change.subject,
        fields=tuple(sorted({*(change.before or {}), *(change.after or {})})),
        reason=change.reason,
        request_id=request_id,
    )
