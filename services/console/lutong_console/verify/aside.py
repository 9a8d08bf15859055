"""What clients were answered, and what was set aside: V8 clients, V10 parked records, V11 secrecy."""

from collections.abc import Iterable, Iterator
from typing import Any, Final

from lutong_console.verify.tables import SERVICES
from lutong_console.verify.violation import Violation
from lutong_console.verify.world import World

_THERE: Final = {
    "post": "SELECT post_id AS id, count(*) AS times FROM feed.card GROUP BY 1 ORDER BY 1",
    "order": "SELECT order_id AS id, count(*) AS times FROM feed.request GROUP BY 1 ORDER BY 1",
    "refund": """
        SELECT substr(refund_id, length(rtrim(refund_id, replace(refund_id, ':', ''))) + 1) AS id, count(*) AS times
          FROM inventory.refund GROUP BY 1 ORDER BY 1""",  # what is behind the last colon
    "coupon": "SELECT coupon_id AS id, count(*) AS times FROM membership.coupon GROUP BY 1 ORDER BY 1",
    "repayment": """
        SELECT DISTINCT reference AS id, 1 AS times FROM membership.entry
         WHERE kind IN ('repayment', 'overpayment') AND reference IS NOT NULL ORDER BY 1""",
    "quit": """
        SELECT key AS id, count(*) AS times FROM membership.outbox
         WHERE type = 'lutong.membership.agreement-quit.v1' GROUP BY 1 ORDER BY 1""",
}
"""How often something is there that clients ask for, by kind and id."""


def clients_are_remembered(world: World, history: Iterable[dict[str, Any]]) -> Iterator[Violation]:
    """V8: what a client was answered holds: what was accepted is there once, what was refused is not."""
    answers = ((line["kind"], line["id"], line["outcome"]) for line in history)
    world.remember("answer", ("kind", "id", "outcome"), answers)
    for kind, there in _THERE.items():
        answer = f"SELECT id, outcome FROM answer WHERE kind = '{kind}' ORDER BY id"
        for key, of in world.by("id", answer=answer, there=there):
            found = of.one("there")
            times, where = found["times"] if found else 0, f"{kind} {key}"
            for row in of.each("answer"):
                if row["outcome"] == "ok" and times != 1:
                    yield Violation("V8", f"the client was answered yes, and there are {times}", where)
                if row["outcome"] == "refused" and times:
                    yield Violation("V8", "the client was answered no, and it is there", where)


def parked_records_are_held(world: World) -> Iterator[Violation]:
    """V10: what waits has a head before it, what was redriven took effect, and what is open did not."""
    for service in SERVICES:
        waiting = world.by(
            "topic, key",
            head=f"""
                SELECT topic, coalesce(key, x'') AS key, max(id) AS id FROM {service}.parked WHERE state = 'parked'
                 GROUP BY 1, 2 ORDER BY 1, 2""",
            row=f"""
                SELECT topic, coalesce(key, x'') AS key, id, partition, "offset" FROM {service}.parked
                 WHERE state = 'waiting' ORDER BY 1, 2, id""",
        )
        for _, of in waiting:
            head = of.one("head")
            for row in of.each("row"):
                if head is None or head["id"] > row["id"]:
                    yield Violation("V10", "a record waits behind nothing", _where(service, row))
        taken = f"SELECT id FROM {service}.inbox WHERE id IN (SELECT event_id FROM {service}.parked)"
        sql = f"SELECT *, event_id IN ({taken}) AS taken FROM {service}.parked WHERE event_id IS NOT NULL ORDER BY id"
        for row in world.select(sql):
            if row["state"] == "redriven" and row["event_id"] and not row["taken"]:
                yield Violation("V10", "a redriven record had no effect", _where(service, row))
            if row["state"] in {"parked", "waiting"} and row["taken"]:
                what = "a record that is set aside took effect all the same"
                yield Violation("V10", what, _where(service, row))


def _where(service: str, row: Any) -> str:  # noqa: ANN401  # a row
    return f"{service} parked {row['id']} ({row['topic']}/{row['partition']}@{row['offset']})"


def nothing_is_revealed(world: World) -> Iterator[Violation]:
    """V11: strings that must stay secret are in no record, no dead letter and no saved answer; they were looked for on reading."""
    for row in world.select("SELECT what, witness FROM revealed"):
        yield Violation("V11", row["what"], row["witness"])
