"""Contracts are a product: every event has a schema and examples, and changes are checked."""

import json
from copy import deepcopy
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from pydantic import ValidationError

import lutong_contracts
from lutong_contracts import TOPICS, Event
from lutong_contracts.enumerations import VALUES, WORD_PATTERN, NewerWord
from lutong_contracts.feed import ServiceRequested
from lutong_contracts.inventory import OrderAdvanced
from lutong_contracts.membership import RepaymentConfirmed
from lutong_contracts.schema import incompatibilities, schema
from lutong_contracts.topics import MERCHANTS
from tests.unit.contracts.catalogue import event_types

HOME = Path(lutong_contracts.__file__).parent
EXAMPLES = sorted((HOME / "examples").rglob("*.json"))
PERSONAL = {"score", "points", "phone", "name", "email", "token", "address", "birthday", "password", "id_card"}


def test_every_event_has_a_schema_and_an_example_and_nothing_else_has() -> None:
    assert {path.stem for path in (HOME / "schemas").glob("*.json")} == set(event_types())
    assert {path.parent.name for path in EXAMPLES} == set(event_types())


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_golden_examples_keep_decoding_and_satisfy_the_published_schema(path: Path) -> None:
    document = json.loads(path.read_text(encoding="utf-8"))
    event = event_types()[path.parent.name].model_validate(document)
    published = json.loads((HOME / "schemas" / f"{path.parent.name}.json").read_text(encoding="utf-8"))

    jsonschema.validate(document, published)
    again = json.loads(event.model_dump_json(exclude_unset=True))
    assert event_types()[path.parent.name].model_validate(again) == event


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_unknown_fields_of_newer_producers_are_ignored(path: Path) -> None:
    document = json.loads(path.read_text(encoding="utf-8"))
    cls = event_types()[path.parent.name]
    assert cls.model_validate(document | {"added_later": {"x": 1}}) == cls.model_validate(document)


def test_no_event_carries_a_score_or_personal_data() -> None:
    def names(part: Any) -> set[str]:  # noqa: ANN401  # JSON Schema
        if isinstance(part, dict):
            return set(part.get("properties", ())) | {n for value in part.values() for n in names(value)}
        return {n for value in part for n in names(value)} if isinstance(part, list) else set()

    for event in event_types().values():
        assert names(schema(event)) & PERSONAL == set(), event.type


def test_types_topics_and_keys_follow_the_naming_rules() -> None:
    assert {event.topic for event in event_types().values()} <= set(TOPICS)
    for topic in TOPICS:
        assert "_" not in topic.name
    for event_type, event in event_types().items():
        assert event_type.startswith(f"lutong.{event.topic.owner}.")
        assert set(event.key_fields) <= set(event.model_fields)


def test_all_types_on_a_compacted_topic_carry_the_same_whole_entity() -> None:
    compacted = [event for event in event_types().values() if event.topic.compacted]
    assert {event.topic for event in compacted} == {topic for topic in TOPICS if topic.compacted}
    for event in compacted:
        others = [other for other in compacted if other.topic == event.topic]
        assert {tuple(other.model_fields) for other in others} == {tuple(event.model_fields)}, event.topic.name
        assert {other.key_fields for other in others} == {event.key_fields}, event.topic.name
        assert "revision" in event.model_fields, event.type


def test_a_mere_fact_on_a_compacted_topic_is_a_programming_error() -> None:
    with pytest.raises(TypeError, match=r"lutong\.registry\.merchants: what rides on a compacted topic is an Entity"):

        class MerchantPraised(Event, topic=MERCHANTS, key="merchant_id"):
            merchant_id: str


def mutated(**changes: Any) -> dict[str, Any]:  # JSON Schema
    """The schema of ServiceRequested after a change at a path of keys."""
    document = deepcopy(schema(ServiceRequested))
    for path, value in changes.items():
        *way, last = path.split("__")
        part = document
        for step in way:
            part = part[step]
        if value is None:
            del part[last]
        else:
            part[last] = value
    return document


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"properties__mode": None}, "/properties/mode"),
        (
            {"properties__coupon": {"type": "string"}, "required": [*schema(ServiceRequested)["required"], "coupon"]},
            "/properties/coupon",
        ),
        ({"required": ["viewer_id"]}, "/properties/order_id"),
        ({"properties__order_id__pattern": "^[0-9]+$"}, "/properties/order_id/pattern"),
        ({"properties__mode__x-lutong-values": ["delivery"]}, "/properties/mode/x-lutong-values"),
        ({"properties__mode__x-lutong-values": None}, "/properties/mode/x-lutong-values"),
        ({"properties__mode__pattern": "^[a-z]+$"}, "/properties/mode/pattern"),
        ({"properties__lines__maxItems": 10}, "/properties/lines/maxItems"),
        ({"$defs__Line__properties__units__type": "string"}, "/properties/lines/items/properties/units/type"),
        ({"$defs__Money__properties__amount_minor": None}, "/properties/total/properties/amount_minor"),
        ({"x-lutong-key": "order_id"}, "/x-lutong-key"),
    ],
    ids=lambda value: value if isinstance(value, str) else None,
)
def test_an_incompatible_change_is_reported_where_it_is(change: dict[str, Any], pointer: str) -> None:
    assert pointer in {found.pointer for found in incompatibilities(schema(ServiceRequested), mutated(**change))}


@pytest.mark.parametrize(
    "change",
    [
        {},
        {"properties__coupon": {"type": "string", "default": ""}},
        {"properties__mode__description": "how goods come"},
        {"properties__mode__x-lutong-values": ["delivery", "pickup", "dine_in"]},
    ],
    ids=["nothing", "optional field", "other words", "a word more"],
)
def test_a_compatible_change_is_let_through(change: dict[str, Any]) -> None:
    assert incompatibilities(schema(ServiceRequested), mutated(**change)) == []


def words(**field: Any) -> dict[str, Any]:  # JSON Schema
    """A schema with one field."""
    return {"properties": {"step": {"type": "string"} | field}, "required": ["step"]}


CLOSED = words(enum=["picked", "packed"])


def opened(*values: str) -> dict[str, Any]:
    return words(**{"pattern": WORD_PATTERN, VALUES: list(values)})


@pytest.mark.parametrize(
    ("old", "new", "pointer"),
    [
        (CLOSED, words(enum=["picked", "packed", "sent"]), "/properties/step/enum"),
        (CLOSED, opened("picked", "packed", "sent"), f"/properties/step/{VALUES}"),
        (words(), opened("picked", "packed"), f"/properties/step/{VALUES}"),
        (opened("picked", "packed"), CLOSED, f"/properties/step/{VALUES}"),
        (opened("picked", "packed"), opened("picked"), f"/properties/step/{VALUES}"),
    ],
    ids=["closed grows", "opened and grown at once", "any text opened", "open is closed", "a word is gone"],
)
def test_the_gate_tells_open_from_closed_enumerations(old: dict[str, Any], new: dict[str, Any], pointer: str) -> None:
    assert pointer in {found.pointer for found in incompatibilities(old, new)}


@pytest.mark.parametrize(
    "new", [opened("picked", "packed"), opened("packed", "picked", "sent")], ids=["as it is", "grown"]
)
def test_an_open_enumeration_grows(new: dict[str, Any]) -> None:
    assert incompatibilities(opened("picked", "packed"), new) == []
    assert incompatibilities(CLOSED, opened("picked", "packed")) == []


ADVANCED = {"order_id": "o-1", "location_id": "l-1", "step": "picked"}


def test_a_word_of_a_newer_version_is_received_and_passed_on() -> None:
    received = OrderAdvanced.model_validate_json(json.dumps(ADVANCED | {"step": "weighed"}))

    assert received.step == "weighed"
    assert isinstance(received.step, NewerWord)
    assert OrderAdvanced(order_id="o-2", location_id="l-1", step=received.step).step == "weighed"
    assert OrderAdvanced.model_validate_json(received.model_dump_json()) == received


def test_a_known_word_is_plain_text_again() -> None:
    received = OrderAdvanced.model_validate_json(json.dumps(ADVANCED))
    assert type(received.step) is str


def test_only_words_of_this_version_are_written() -> None:
    with pytest.raises(ValidationError, match="'accepted', 'picked', 'ready_for_pickup' or 'handed_over'"):
        OrderAdvanced(order_id="o-1", location_id="l-1", step="weighed")


@pytest.mark.parametrize("step", ["", "Weighed", "weighed 2", "x" * 41, 3, None])
def test_what_is_no_word_is_not_received(step: object) -> None:
    with pytest.raises(ValidationError):
        OrderAdvanced.model_validate_json(json.dumps(ADVANCED | {"step": step}))


def test_the_evidence_for_money_is_closed() -> None:
    with pytest.raises(ValidationError):
        RepaymentConfirmed.model_validate_json(
            """{"repayment_id": "r", "member_id": "m", "amount": {"amount_minor": 1, "currency": "CNY"}, "evidence": "hearsay"}"""
        )
