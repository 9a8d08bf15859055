"""What led to orders: V21 interactions are counted once, and each order is credited to the last click before it."""

import json
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from typing import Any, Final, NamedTuple

from lutong_console.verify.joining import Group, Row
from lutong_console.verify.retention import Retention
from lutong_console.verify.violation import Violation
from lutong_console.verify.world import World
from lutong_contracts.touches import read

TAPPED: Final = "lutong.feed.card-tapped.v1"
REPORTED: Final = "lutong.feed.interactions-reported.v1"
REQUESTED: Final = "lutong.feed.service-requested.v1"
_TOPICS: Final = ("lutong.feed.engagements", "lutong.feed.interactions")
_LEAD: Final = ("viewer_id", "post_id", "placement", "kind", "item", "program_id", "moment_us")
_EPOCH: Final = datetime.fromisoformat("1970-01-01T00:00:00+00:00")
_MICROSECOND: Final = timedelta(microseconds=1)
_WEEK_US: Final = timedelta(days=7) // _MICROSECOND
_DAY_US: Final = timedelta(days=1) // _MICROSECOND


class Lead(NamedTuple):
    """What may have led to an order, and when; `item` is the request and position of what was served."""

    moment_us: int
    item: str
    post_id: str
    placement: str


def credits_follow(world: World) -> Iterator[Violation]:
    """V21: interactions are counted as often as they are on the topics, and orders are credited to what led to them.

    The rule is worked out anew from the events alone. Once a topic has dropped some, a counter may be more than what is left, and
    what led to an order may be gone. An order without a touch may be of a release that credited none.
    """
    aged = any(Retention(world).has_aged(topic) for topic in _TOPICS)
    world.remember("lead", _LEAD, _leads(world))
    counters = world.by(
        "post_id, placement, kind",
        counted="SELECT * FROM feed.interaction_count ORDER BY post_id, placement, kind",
        events="""
            SELECT post_id, placement, kind, count(DISTINCT item) AS times FROM main.lead
             GROUP BY 1, 2, 3 ORDER BY 1, 2, 3""",
    )
    for (post_id, placement, kind), of in counters:
        counted, on_topics = (row["times"] if (row := of.one(name)) else 0 for name in ("counted", "events"))
        if counted < on_topics if aged else counted != on_topics:
            yield Violation(
                "V21", f"{counted} {kind} counted in {placement}, {on_topics} on the topics", f"post {post_id}"
            )
    viewers = world.by(
        "viewer_id",
        credit="SELECT * FROM feed.order_credit ORDER BY viewer_id",
        lead="SELECT * FROM main.lead ORDER BY viewer_id",
        request=f"""
            SELECT key AS viewer_id, value, occurred_at FROM record WHERE type = '{REQUESTED}' AND json_valid(value)
             GROUP BY event_id ORDER BY key""",
    )
    for _, of in viewers:
        yield from _credited(of, aged=aged)


def _leads(world: World) -> Iterator[tuple[Any, ...]]:
    """Taps, clicks and impressions as the topics have them, once for each copy of an event."""
    rows = world.select(
        "SELECT type, value, occurred_at FROM record WHERE type IN (?, ?) AND json_valid(value) GROUP BY event_id",
        TAPPED,
        REPORTED,
    )
    for row in rows:
        event = json.loads(row["value"])
        if row["type"] == TAPPED:
            yield from _lead(event.get("touch"), "tap", row["occurred_at"], event.get("program_id"))
        else:
            for each in event.get("interactions", ()):
                yield from _lead(each.get("touch"), each.get("kind"), row["occurred_at"])


def _lead(touch: str | None, kind: str, at: datetime, program_id: str | None = None) -> Iterator[tuple[Any, ...]]:
    served = read(touch or "")
    if served is not None:
        moment_us = ((served.served_at if kind == "impression" else at) - _EPOCH) // _MICROSECOND
        item = f"{served.request_id} {served.position:06}"
        program = served.program_id or program_id
        yield served.viewer_id, served.post_id, served.placement, kind, item, program, moment_us


def _credited(of: Group, *, aged: bool) -> Iterator[Violation]:
    credited = {row["order_id"]: row for row in of.all("credit")}
    firsts: dict[tuple[str, str], Row] = {}
    for row in sorted(of.all("lead"), key=lambda row: row["moment_us"]):
        firsts.setdefault((row["item"], row["kind"]), row)
    for row in of.all("request"):
        event = json.loads(row["value"])
        credit, where = credited.pop(event["order_id"], None), f"order {event['order_id']}"
        if credit is None:
            if event.get("touch"):
                yield Violation("V21", "it carries a touch, and is credited to nothing", where)
            continue
        wanted = _wanted(event, (row["occurred_at"] - _EPOCH) // _MICROSECOND, firsts.values())
        known = tuple(credit[name] for name in ("placement", "post_id", "view_placement", "view_post_id"))
        if known != wanted and not aged:
            yield Violation("V21", f"it is credited to {known}, and {wanted} led to it", where)
    if not aged:
        for order_id in credited:
            yield Violation("V21", "credited, and never requested", f"order {order_id}")


def _wanted(event: dict[str, Any], at_us: int, leads: Iterable[Row]) -> tuple[str | None, ...]:
    """To what an order is credited by rule `last_click.v1`, and what was seen last before it."""
    mine = [row for row in leads if row["program_id"] == event["program_id"] and row["moment_us"] <= at_us]
    clicks = [row for row in mine if row["kind"] in {"tap", "click"} and row["placement"] != "post"]
    click = _last(row for row in clicks if row["moment_us"] > at_us - _WEEK_US)
    view = _last(row for row in mine if row["kind"] == "impression" and row["moment_us"] > at_us - _DAY_US)
    own = read(event.get("touch") or "")
    if own is not None and own.placement != "post":
        credit: tuple[str | None, ...] = (own.placement, own.post_id)
    else:
        credit = (click.placement, click.post_id) if click else ("direct", event["post_id"])
    return (*credit, *((view.placement, view.post_id) if view else (None, None)))


def _last(rows: Iterable[Row]) -> Lead | None:
    return max((Lead(*(row[name] for name in Lead._fields)) for row in rows), default=None)
