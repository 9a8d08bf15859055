"""The AsyncAPI document, for machines."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import orjson

from lutong_contracts import TOPICS, Event, Topic, event_types
from lutong_contracts.schema import schema
from lutong_contracts.version import VERSION

_HEADERS: Final = {
    "ce_specversion": "CloudEvents version, always 1.0",
    "ce_id": "unique with ce_source; what consumers recognise copies by",
    "ce_source": "/lutong/<service>",
    "ce_type": "the event's type",
    "ce_time": "when it happened, RFC 3339",
    "ce_partitionkey": "the record's key",
    "ce_sequence": "version of the stream (topic, key): 1, 2, 3, … without gaps",
    "ce_correlationid": "the journey",
    "ce_causationid": "id of the event that led to this one",
    "traceparent": "W3C trace context",
    "content-type": "application/json",
}

_COMPACTED: Final = " Keeps the last event of each key, which carries the whole entity: read it from the beginning."


Handled = Mapping[type[Event], Sequence[str]]
"""By event, the services that handle it."""


def asyncapi(handled: Handled) -> bytes:
    """The AsyncAPI 3 document: channels are topics, messages are events, operations are who sends and receives."""
    document = {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Lutong",
            "version": VERSION,
            "description": "Events of the Lutong suite. CloudEvents 1.0 over Kafka: binary mode out, both modes in.",
            "license": {"name": "Apache-2.0"},
        },
        "defaultContentType": "application/json",
        "channels": {topic.name: _channel(topic) for topic in TOPICS},
        "operations": _operations(handled),
        "components": {
            "messages": {event.type: _message(event) for event in event_types().values()},
            "schemas": {"cloudevent": _headers()},
        },
    }
    return orjson.dumps(document, option=orjson.OPT_INDENT_2) + b"\n"


def _channel(topic: Topic) -> dict[str, Any]:
    events = [event for event in event_types().values() if event.topic == topic]
    return {
        "address": topic.name,
        "description": f"Written by {topic.owner}; ordered by {topic.key}.{_COMPACTED if topic.compacted else ''}",
        "messages": {event.type: {"$ref": f"#/components/messages/{event.type}"} for event in events},
        "bindings": {
            "kafka": {
                "topic": topic.name,
                "partitions": topic.partitions,
                "topicConfiguration": {
                    "cleanup.policy": [topic.settings["cleanup.policy"]],
                    "retention.ms": int(topic.settings["retention.ms"]),
                    "max.message.bytes": topic.max_message_bytes,
                },
                "bindingVersion": "0.5.0",
            }
        },
    }


def _operations(handled: Handled) -> dict[str, Any]:
    operations: dict[str, Any] = {}
    for event in event_types().values():
        channel = {"$ref": f"#/channels/{event.topic.name}"}
        messages = [{"$ref": f"#/channels/{event.topic.name}/messages/{event.type}"}]
        word = event.type.replace(".", "_").replace("-", "_")
        operations[f"{event.topic.owner}_sends_{word}"] = {"action": "send", "channel": channel, "messages": messages}
        for service in sorted(handled.get(event, ())):
            operations[f"{service}_receives_{word}"] = {
                "action": "receive",
                "channel": channel,
                "messages": messages,
                "bindings": {
                    "kafka": {"groupId": {"type": "string", "const": f"lutong-{service}"}, "bindingVersion": "0.5.0"}
                },
            }
    return operations


def _message(event: type[Event]) -> dict[str, Any]:
    payload = schema(event)
    return {
        "name": event.type,
        "title": event.__name__,
        "summary": (event.__doc__ or "").strip().splitlines()[0],
        "contentType": "application/json",
        "headers": {"$ref": "#/components/schemas/cloudevent"},
        "correlationId": {"location": "$message.header#/ce_correlationid"},
        "payload": {"schemaFormat": "application/schema+json;version=draft-2020-12", "schema": payload},
        "bindings": {
            "kafka": {"key": {"type": "string", "description": payload["x-lutong-key"]}, "bindingVersion": "0.5.0"}
        },
    }


def _headers() -> dict[str, Any]:
    return {
        "type": "object",
        "properties": {name: {"type": "string", "description": what} for name, what in _HEADERS.items()},
        "required": ["ce_specversion", "ce_id", "ce_source", "ce_type", "content-type"],
    }
