"""The audit: V14 every row is published once, as it is, and nothing else is published of it."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

import orjson

from lutong_console.verify.collect import Row, World
from lutong_console.verify.violation import Violation

TYPE: Final = "lutong.{}.action-audited.v1"
_ALIKE: Final = ("actor", "role", "action", "subject", "reason", "request_id")


def audit_is_published(world: World) -> Iterator[Violation]:
    """V14: rows of the audit and ActionAudited events are the same facts, one to one.

    An outbox forgets after some days, its topic much later, the audit never: a row that is older than the
    outbox need not have an event any more, but an event that is still there must have its row.
    """
    for service in world.tables:
        published = _published(world, service)
        rows = {row["id"]: row for row in world.rows(service, "audit") if row["request_id"] is not None}
        for number, events in sorted(published.items()):
            for what in _of_a_row(rows.get(number), list(events.values())):
                yield Violation("V14", what, f"{service} audit {number}")
        remembered = min((row["written_at"] for row in world.rows(service, "outbox")), default=None)
        for number, row in sorted(rows.items()):
            if number not in published and remembered is not None and row["at"] >= remembered:
                yield Violation("V14", "in the audit, but never published", f"{service} audit {number}")


def _of_a_row(row: Row | None, events: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """What is wrong with what was published of one row."""
    if row is None:
        yield "published, but not in the audit"
        return
    if len(events) > 1:
        yield f"published {len(events)} times"
    for payload in events:
        if wrong := _differences(row, payload):
            yield f"published with another {wrong[0]} than the audit has"


def _published(world: World, service: str) -> dict[int, dict[str, Mapping[str, Any]]]:
    """What a service published of its audit, by row and event: from its outbox and from its topic."""
    wanted = TYPE.format(service)
    found: dict[int, dict[str, Mapping[str, Any]]] = defaultdict(dict)
    published = [(row["event_id"], row["payload"]) for row in world.rows(service, "outbox") if row["type"] == wanted]
    published += [(r.event_id, r.value) for r in world.records if r.type == wanted and r.source == f"/lutong/{service}"]
    for event_id, text in published:
        payload = orjson.loads(text)
        found[payload["audit_id"]].setdefault(event_id, payload)
    return found


def _differences(row: Row, payload: Mapping[str, Any]) -> list[str]:
    """The names of what differs between a row and its event."""
    wrong = [name for name in _ALIKE if row[name] != payload[name]]
    changed = {name for side in ("before", "after") for name in orjson.loads(row[side] or "{}")}
    return wrong if sorted(changed) == list(payload["fields"]) else [*wrong, "fields"]
