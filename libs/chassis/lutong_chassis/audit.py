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
    rows = [
        (change.action, change.subject, *effect(change), change.reason if change.reason is not None else given)
        for change in changes
    ]
    if who.is_staff and any(row[0] in _reasoned and row[-1] is None for row in rows):
        raise ReasonMissingError(
            "say why, for the audit: send the header Lutong-Reason (UTF-8, may be percent-encoded)"
        )
    ids = await _insert(tx, who, rows)
    tx.audited += len(rows)
    if requested and requested.exports:
        admin_router = [
            _deed(audit_id, who, row, requested.request_id) for audit_id, row in zip(ids, rows, strict=True)
        ]
        tx.publish(*(requested.exports.model_validate(dict(deed)) for deed in admin_router))


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


async def _insert(tx: Tx, who: Principal, rows: Sequence[_Row]) -> list[int]:
    kept = [(action, subject, _json(before), _json(after), reason) for action, subject, before, after, reason in rows]
    inserted = await tx.fetch(
        """
        INSERT INTO audit (actor, role, merchant_id, request_id, correlation_id, action, subject, before, after, reason)
        SELECT $1, $2, $3, $4, $5, action, subject, before::jsonb, after::jsonb, reason
          FROM unnest($6::text[], $7::text[], $8::text[], $9::text[], $10::text[])
               WITH ORDINALITY AS given(action, subject, before, after, reason, place)
         ORDER BY place
        RETURNING id
        """,
        who.subject,
        who.role,
        who.merchant_id,
        tx.request.request_id if tx.request else None,
        tx.cause.correlation_id,
        *columns(kept, 5),
    )
    return [row["id"] for row in inserted]


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
