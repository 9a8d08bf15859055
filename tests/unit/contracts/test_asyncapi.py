"""The AsyncAPI document holds together: references resolve, and everybody who speaks or listens is in it."""

import json
from pathlib import Path
from typing import Any

from lutong_contracts import TOPICS
from tests.unit.contracts.catalogue import event_types

DOCUMENT = json.loads((Path(__file__).parents[3] / "docs" / "asyncapi.json").read_text(encoding="utf-8"))


def references(part: Any) -> list[str]:  # noqa: ANN401  # JSON
    if isinstance(part, dict):
        own = [part["$ref"]] if isinstance(part.get("$ref"), str) else []
        return own + [ref for name, value in part.items() if name != "schema" for ref in references(value)]
    return [ref for value in part for ref in references(value)] if isinstance(part, list) else []


def test_every_reference_resolves() -> None:
    found = references(DOCUMENT)
    assert len(found) > 100
    for reference in found:
        part = DOCUMENT
        for step in reference.removeprefix("#/").split("/"):
            part = part[step]


def test_channels_messages_and_operations_cover_the_catalogue() -> None:
    assert DOCUMENT["asyncapi"] == "3.0.0"
    assert set(DOCUMENT["channels"]) == {topic.name for topic in TOPICS}
    assert set(DOCUMENT["components"]["messages"]) == set(event_types())
    sent = {
        m["$ref"].rpartition("/")[2]
        for o in DOCUMENT["operations"].values()
        if o["action"] == "send"
        for m in o["messages"]
    }
    assert sent == set(event_types())
    for topic in TOPICS:
        kafka = DOCUMENT["channels"][topic.name]["bindings"]["kafka"]
        assert kafka["partitions"] == topic.partitions
        assert kafka["topicConfiguration"]["cleanup.policy"] == ["compact" if topic.compacted else "delete"]
