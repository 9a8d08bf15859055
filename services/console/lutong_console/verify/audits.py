"""The audit: V14 every row is published once, as it is, and nothing else is published of it."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

import orjson

from lutong_console.verify.collect import moment
from lutong_console.verify.joining import Group, Row
from lutong_console.verify.retention import outbox_begins
from lutong_console.verify.tables import SERVICES
from lutong_console.verify.violation import Violation
from lutong_console.verify.world import World

_TYPE: Final = "lutong.{service}.action-audited.v1"
_ALIKE: Final = ("actor", "role", "action", "subject", "reason", "request_id")


def audit_is_published(world: World) -> Iterator[Violation]:
    """V14: rows of the audit and ActionAudited events are the same facts, one to one.

    An outbox forgets after some days, its topic much later, the audit never: a row that is older than the
    outbox need not have an event any more, but an event that is still there must have its row.
    """
    for service in SERVICES:
        audits = world.by("id", row=_ROWS.format(service=service), published=_PUBLISHED.format(service=service))
        remembered = outbox_begins(world, service)
        for number, of in audits:
            for what in _of_a_row(of, remembered):
                yield Violation("V14", what, f"{service} audit {number}")


_ROWS: Final = "SELECT * FROM {service}.audit WHERE request_id IS NOT NULL ORDER BY id"
_PUBLISHED: Final = f"""
SELECT json_extract(data, '$.audit_id') AS id, event_id, data
  FROM (SELECT event_id, payload AS data, 0 AS place FROM {{service}}.outbox WHERE type = '{_TYPE}'
        UNION ALL
        SELECT event_id, value, 1 FROM record WHERE type = '{_TYPE}' AND source = '/lutong/{{service}}')
 WHERE json_valid(data) AND typeof(json_extract(data, '$.audit_id')) = 'integer'
 ORDER BY 1, place"""
"""What a service published of its audit, from its outbox and from its topic, by row."""


def _of_a_row(of: Group, remembered: datetime | None) -> Iterator[str]:
    """What is wrong with what was published of one row."""
    row, events = of.one("row"), _once(of.all("published"))
    if row is None:
        yield "published, but not in the audit"
        return
    if not events and remembered is not None and moment(row, "at") >= remembered:
        yield "in the audit, but never published"
    if len(events) > 1:
        yield f"published {len(events)} times"
    for payload in events:
        if wrong := _differences(row, payload):
            yield f"published with another {wrong[0]} than the audit has"


def _once(published: Sequence[Row]) -> list[Mapping[str, Any]]:
    """What each event contains, where it was found first."""
    events = {row["event_id"]: row["data"] for row in reversed(published)}
    return [orjson.loads(data) for data in events.values()]


def _differences(row: Row, payload: Mapping[str, Any]) -> list[str]:
    """The names of what differs between a row and its event."""
    wrong = [name for name in _ALIKE if row[name] != payload[name]]
    changed = {name for side in ("before", "after") for name in orjson.loads(row[side] or "{}")}
    return wrong if sorted(changed) == list(payload["fields"]) else [*wrong, "fields"]
