from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lutong_console.filters import FilterError, fits, parse

RECORD: dict[str, Any] = {
    "topic": "lutong.inventory.orders",
    "type": "lutong.inventory.order-sourced.v1",
    "key": "order-1",
    "id": "event-1",
    "journey": "journey-1",
    "event": {"order_id": "order-1", "merchant_id": "watsons", "units": 3, "place": {"city": "上海"}},
}


@pytest.mark.parametrize(
    "text",
    [
        "",
        "type:sourced",
        "type=lutong.inventory.order-sourced.v1",
        "merchant:watsons order:order-1",
        "event.units>=3",
        "event.units<4 -event.units>3",
        "event.place.city:上海",
        '"上海"',
        "WATSONS",
        "-merchant:other",
        "key:order-1 topic:orders",
    ],
)
def test_a_filter_that_describes_the_record_fits(text: str) -> None:
    assert fits(parse(text), RECORD)


@pytest.mark.parametrize(
    "text",
    [
        "type:rejected",
        "type=sourced",
        "merchant:wat",
        "-merchant:watsons",
        "event.units>3",
        "event.absent:1",
        "event.place.city.street:x",
        "event.merchant_id>1",
        "key:order-1 key:order-2",
        "nowhere",
    ],
)
def test_a_filter_that_describes_another_does_not_fit(text: str) -> None:
    assert not fits(parse(text), RECORD)


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("merchnt:x", "column 1: there is no field 'merchnt'"),
        ('key:a "no end', "column 6"),
        ("event.units>many", "column 1: >"),
    ],
)
def test_a_filter_that_does_not_parse_shows_where(text: str, place: str) -> None:
    with pytest.raises(FilterError, match=place.replace("(", r"\(")):
        parse(text)


@given(st.text(max_size=60))
def test_any_text_is_a_filter_or_a_sentence(text: str) -> None:
    refusal = ""
    try:
        fits(parse(text), RECORD)
    except FilterError as error:
        refusal = str(error)
    assert not refusal or refusal.startswith("column ")
