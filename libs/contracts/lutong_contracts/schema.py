"""JSON Schemas of events, and whether a change to one would break a consumer or a publisher.

A change is compatible when old consumers understand new events and new consumers understand old
ones: then services can be upgraded in any order, and what is still on a topic can still be read.
That leaves adding optional fields, and words to open enumerations. Everything else is a new type.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from lutong_contracts.enumerations import VALUES
from lutong_contracts.event import Event

Schema = Mapping[str, Any]

_WORDS: Final = frozenset({"title", "description", "examples", "default", "$id", "$schema", "$defs"})
"""Keywords that do not change which documents are valid."""

_CLOSED: Final = "; a closed enumeration stays as it is, only an open one grows (lutong_contracts.enumerations)"


@dataclass(frozen=True, slots=True)
class Change:
    """A change that would break a consumer or a publisher: where, and in one sentence why."""

    pointer: str
    why: str


def schema(event: type[Event]) -> dict[str, Any]:
    """The JSON Schema (2020-12) of an event's payload, with its topic and key."""
    generated = event.model_json_schema(mode="validation")
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": f"urn:{event.type.replace('.', ':')}",
        "x-lutong-type": event.type,
        "x-lutong-topic": event.topic.name,
        **({"x-lutong-moved-from": event.topic.moved_from} if event.topic.moved_from else {}),
        "x-lutong-key": ":".join(event.key_fields),
        **generated,
    }


def incompatibilities(old: Schema, new: Schema) -> list[Change]:
    """What in `new` would break a consumer or a producer that knows `old`."""
    return [*_facts(old, new), *_compare(old, new, (old, new), "")]


def _facts(old: Schema, new: Schema) -> Iterator[Change]:
    moved = new.get("x-lutong-moved-from") == old.get("x-lutong-topic")
    for name in ("x-lutong-key",) if moved else ("x-lutong-topic", "x-lutong-key"):
        if old.get(name) != new.get(name):
            yield Change(f"/{name}", f"was {old.get(name)} and is {new.get(name)}: order and routing would change")


def _compare(old: Schema, new: Schema, roots: tuple[Schema, Schema], pointer: str) -> Iterator[Change]:
    old, new = _resolve(old, roots[0]), _resolve(new, roots[1])
    yield from _properties(old, new, roots, pointer)
    if "items" in old and "items" in new:
        yield from _compare(old["items"], new["items"], roots, f"{pointer}/items")
    if len(old.get("anyOf", ())) == len(new.get("anyOf", ())):
        for number, (before, after) in enumerate(zip(old.get("anyOf", ()), new.get("anyOf", ()), strict=True)):
            yield from _compare(before, after, roots, f"{pointer}/anyOf/{number}")
    else:
        yield Change(f"{pointer}/anyOf", "the alternatives are others: old or new consumers would refuse some events")
    yield from _words(old, new, pointer)
    opened = {"enum", "pattern"} if VALUES in new and VALUES not in old else set()
    structural = {"properties", "required", "items", "anyOf"} | opened
    for word in sorted((old.keys() | new.keys()) - structural - _WORDS):
        if not word.startswith("x-") and old.get(word) != new.get(word):
            why = f"was {old.get(word)!r} and is {new.get(word)!r}: narrower breaks what is on the topic, wider breaks old consumers"
            yield Change(f"{pointer}/{word}", why + (_CLOSED if word == "enum" else ""))


def _words(old: Schema, new: Schema, pointer: str) -> Iterator[Change]:
    """An open enumeration may get words, never lose them; a closed one may be opened as it is, and get words a release later."""
    before, after = old.get(VALUES), new.get(VALUES)
    if before is not None and after is None:
        yield Change(f"{pointer}/{VALUES}", "the open enumeration was closed: words of newer versions would be refused")
    elif after is not None and before is None and old.get("enum", []) != after:
        yield Change(
            f"{pointer}/{VALUES}",
            f"was closed with {old.get('enum')!r} and is open with {after!r}: open it as it is, and add words a release later, "
            "when every consumer takes them",
        )
    elif before and after and (gone := [word for word in before if word not in after]):
        yield Change(
            f"{pointer}/{VALUES}", f"{', '.join(gone)} is gone: it is on the topic, and consumers decide by it"
        )


def _properties(old: Schema, new: Schema, roots: tuple[Schema, Schema], pointer: str) -> Iterator[Change]:
    before, after = old.get("properties", {}), new.get("properties", {})
    for name in sorted(before.keys() - after.keys()):
        yield Change(f"{pointer}/properties/{name}", "the field is gone: old consumers may need it")
    for name in sorted(after.keys() - before.keys()):
        if name in new.get("required", ()):
            yield Change(f"{pointer}/properties/{name}", "the new field is required: events on the topic lack it")
    for name in sorted(before.keys() & after.keys()):
        yield from _compare(before[name], after[name], roots, f"{pointer}/properties/{name}")
        was, now = name in old.get("required", ()), name in new.get("required", ())
        if was and not now:
            yield Change(f"{pointer}/properties/{name}", "the field became optional: old consumers require it")
        if now and not was:
            yield Change(f"{pointer}/properties/{name}", "the field became required: events on the topic may lack it")


def _resolve(part: Schema, root: Schema) -> Schema:
    """Follow a reference into `$defs`."""
    reference = part.get("$ref")
    if reference is None:
        return part
    resolved: Schema = root["$defs"][str(reference).rpartition("/")[2]]
    return resolved
