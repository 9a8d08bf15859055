"""lutong_client asks what can be promised: in batches, in order, of a real inventory."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

import httpx
import pytest

from lutong_client import AskError, AsyncAvailabilityClient, AvailabilityClient, Wanted
from lutong_client.availability import BATCH_MAX
from tests.integration.inventory.shop import stock

Handler = Callable[[httpx.Request], httpx.Response]


def wanted(sku: str = "tea", **more: Any) -> Wanted:  # whatever a wish has
    return Wanted("shop", sku, 31.24, 121.48, **more)


def asking(client: httpx.AsyncClient) -> AsyncAvailabilityClient:
    """A client of an inventory that answers in this process, as a caller with a token."""
    made = AsyncAvailabilityClient("http://test/", lambda: client.headers["authorization"].removeprefix("Bearer "))
    made.client = httpx.AsyncClient(transport=client._transport)
    return made


async def test_each_is_answered_in_the_order_it_was_asked(client: httpx.AsyncClient) -> None:
    await stock(client, near_tea=9)
    skus = ["tea" if number % 3 else "cup" for number in range(2 * BATCH_MAX + 7)]
    found = await asking(client).ask([wanted(sku) for sku in skus])
    assert [each.wanted.sku for each in found] == skus
    assert [each.available for each in found] == [sku == "tea" for sku in skus]
    tea, cup = found[1], found[0]
    assert tea.promise is not None
    assert (tea.promise.location_id, tea.promise.kind, cup.reason) == ("near", "delivery", "out_of_stock")
    assert "分钟" in tea.promise.text["zh"]
    assert cup.why["en"]


async def test_asking_for_nothing_asks_nobody(client: httpx.AsyncClient) -> None:
    assert await asking(client).ask([]) == []


def answering(*answers: httpx.Response | Exception) -> tuple[AvailabilityClient, list[httpx.Request]]:
    """A client of a server that answers these, one after the other; and what it was asked."""
    left, asked = list(answers), list[httpx.Request]()

    def handle(request: httpx.Request) -> httpx.Response:
        asked.append(request)
        answer = left.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    made = AvailabilityClient("http://inventory.example", "token")
    made.client = httpx.Client(transport=httpx.MockTransport(handle))
    return made, asked


SLOT = {
    "kind": "slot", "location_id": "near", "distance_m": 800, "within_s": None, "slot_id": "s-1",
    "starts_at": "2099-01-05T07:00:00Z", "ends_at": "2099-01-05T09:00:00Z", "order_by": "2099-01-05T06:00:00Z",
    "text": {"en": "today", "zh": "今天"}, "a_field_of_tomorrow": 1,
}  # fmt: skip


def test_what_may_pass_is_asked_again_and_new_fields_are_ignored() -> None:
    body = [{"promise": SLOT, "reason": None, "why": {"en": "", "zh": ""}}]
    client, asked = answering(
        httpx.ConnectError("refused"), httpx.Response(503, json={"detail": "busy"}), httpx.Response(200, json=body)
    )
    (found,) = client.ask([wanted()])
    assert found.promise is not None
    assert found.promise.ends_at == datetime.fromisoformat("2099-01-05T09:00:00+00:00")
    assert len(asked) == 3
    assert asked[0].headers["authorization"] == "Bearer token"


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (httpx.Response(422, json={"detail": "units: 1 or more"}), "422: units: 1 or more"),
        (httpx.Response(404, text="<html>"), "404: Not Found"),
        (httpx.Response(200, text="<html>"), "is no inventory of Lutong"),
        (httpx.Response(200, json=[]), "is no inventory of Lutong"),
    ],
)
def test_what_cannot_pass_is_an_error_at_once(answer: httpx.Response, words: str) -> None:
    client, asked = answering(answer)
    with pytest.raises(AskError, match=words):
        client.ask([wanted()])
    assert len(asked) == 1
