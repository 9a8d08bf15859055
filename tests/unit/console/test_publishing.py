"""Who publishes what, put together from what each service saw; and the command that tries a rejected event again."""

import json
import shlex
from typing import Any

from lutong_console.publishing import again, example, merged
from lutong_contracts import event_types

POST = "lutong.feed.post-published.v1"


def a_row(**changes: Any) -> dict[str, Any]:
    row = {"way": "topic", "source": "/lutong/feed", "subject": None, "type": POST, "events": 3}
    return row | {"first_at": "2026-11-28T12:00:00Z", "last_at": "2026-11-28T12:05:00Z"} | changes


def test_what_several_services_saw_counts_once() -> None:
    own, seen = a_row(way="own", source="", events=5), a_row(events=4, last_at="2026-11-28T12:09:00Z")
    (one,) = merged({"feed": [own], "registry": [seen], "membership": [seen]})
    assert (one.source, one.events, one.version) == ("/lutong/feed", 5, 1)
    assert one.last_at == "2026-11-28T12:09:00Z"
    assert one.seen_by == ("membership", "registry")


def test_publishers_that_share_a_source_stay_apart() -> None:
    rows = [a_row(way="http", source="/partner/cms", subject=subject) for subject in ("ann", "ben")]
    assert {(each.subject, each.way) for each in merged({"feed": rows})} == {("ann", "http"), ("ben", "http")}


def test_the_latest_publisher_is_first() -> None:
    rows = [a_row(source="old"), a_row(source="new", last_at="2026-11-28T13:00:00Z")]
    assert [each.source for each in merged({"feed": rows})] == ["new", "old"]


def test_the_command_to_try_again_is_one_a_shell_understands() -> None:
    words = shlex.split(again("http://127.0.0.1:1", "cms'1; rm -rf", POST).replace("\\\n", ""))
    assert words[:2] == ["curl", "http://127.0.0.1:1/v1/events?dry_run=true"]
    event = json.loads(words[-1])
    assert (event["id"], event["type"]) == ("cms'1; rm -rf", POST)
    assert event_types()[POST].model_validate(event["data"])


def test_a_type_that_nobody_knows_has_an_empty_example() -> None:
    assert example("../../etc") == {}
    assert example(None) == {}
