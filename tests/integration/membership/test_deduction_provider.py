"""A deduction provider outside, as it is on bad days: what it did may be unknown, and is never guessed."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from typing import Any

import pytest
import pytest_asyncio
import structlog
from pydantic import HttpUrl, SecretStr

from lutong_local.ports import free_port
from lutong_membership.providers.deduction.http import HttpDeductionProvider
from lutong_membership.providers.deduction.settings import DeductionSettings
from lutong_membership.providers.deduction.values import Order, Outcome
from tests.integration.membership.stub import TOKEN, Provider

ORDER = Order("a-1.1", "m-1", 200, "CNY")
DONE, UNKNOWN, NOT_THERE = Outcome("succeeded"), Outcome("unknown"), Outcome("not_there")
TAKES: dict[str, Any] = {"decided": {"state": "succeeded"}}

Asking = Callable[..., HttpDeductionProvider]


@pytest_asyncio.fixture
async def asking(stub_url: str) -> AsyncIterator[Asking]:  # the fixture
    """Makes providers that ask the stub; closed when the test ends."""
    async with AsyncExitStack() as stack:

        def make(**overrides: Any) -> HttpDeductionProvider:  # settings, as a test wants them
            fields = {
                "url": HttpUrl(stub_url),
                "token": SecretStr(TOKEN),
                "timeout_s": 20.0,
                "failures_max": 3,
                "pause_s": 60.0,
            }
            made = HttpDeductionProvider(DeductionSettings.model_validate(fields | overrides))
            stack.push_async_callback(made.aclose)
            return made

        yield make


async def test_an_attempt_is_put_once_with_its_id_and_amount(
    provider: Provider,
    asking: Asking,  # the fixture
) -> None:
    await provider.behaves(POST=TAKES)
    assert await asking().deduct(ORDER) == DONE
    (asked,) = await provider.asked()
    assert (asked["method"], asked["path"], asked["order"]) == ("POST", "/deductions", "a-1.1")
    assert asked["body"] == '{"deduction_id":"a-1.1","member_id":"m-1","amount_minor":200,"currency":"CNY"}'


@pytest.mark.parametrize(
    "loss",
    [
        {"then": "cut"},
        {"then": "flood"},
        {"status": 500},
        {"status": 409},
        {"status": 302},
        {"body": "<html>"},
        {"body": ""},
    ],
    ids=repr,
)
async def test_a_lost_answer_leaves_an_outcome_that_a_query_finds(
    loss: dict[str, Any],
    provider: Provider,
    asking: Asking,  # the fixture
) -> None:
    await provider.behaves(POST=TAKES | loss)
    asks = asking()
    assert await asks.deduct(ORDER) == UNKNOWN
    assert await asks.query(ORDER) == DONE
    assert await provider.asked_how() == ["POST", "GET"]


@pytest.mark.parametrize(
    "answer",
    [{"amount_minor": 199}, {"amount_minor": "200"}, {"currency": "EUR"}, {"state": "done"}, {"state": None}],
    ids=repr,
)
async def test_an_answer_about_another_amount_is_no_answer(
    answer: dict[str, Any],
    provider: Provider,
    asking: Asking,  # the fixture
) -> None:
    await provider.behaves(POST={"decided": {"state": "succeeded"} | answer})
    asks = asking()
    assert await asks.deduct(ORDER) == UNKNOWN
    assert await asks.query(ORDER) == UNKNOWN


async def test_silence_ends_in_time(provider: Provider, asking: Asking) -> None:  # the fixture
    await provider.behaves(POST=TAKES | {"then": "silence"}, GET={"then": "drip"})
    asks = asking(timeout_s=1.0)
    async with asyncio.timeout(30):
        assert await asks.deduct(ORDER) == UNKNOWN
        assert await asks.query(ORDER) == UNKNOWN


async def test_what_certainly_did_not_arrive_is_not_there(provider: Provider, asking: Asking) -> None:  # the fixture
    assert await asking().query(ORDER) == NOT_THERE
    nobody = asking(url=HttpUrl(f"http://127.0.0.1:{free_port()}"))
    assert await nobody.deduct(ORDER) == NOT_THERE
    assert await nobody.query(ORDER) == UNKNOWN  # it may have arrived when the provider was there


@pytest.mark.parametrize(
    ("status", "outcome"),
    [(422, Outcome("failed", "rejected_by_provider")), (401, NOT_THERE), (429, NOT_THERE), (503, UNKNOWN)],
)
async def test_a_no_to_the_request_itself_is_certain(
    status: int,
    outcome: Outcome,
    provider: Provider,
    asking: Asking,  # the fixture
) -> None:
    await provider.behaves(POST={"take": False, "status": status, "body": "no"})
    assert await asking().deduct(ORDER) == outcome


async def test_a_failure_has_a_reason_and_a_pending_attempt_is_queried(
    provider: Provider,
    asking: Asking,  # the fixture
) -> None:
    await provider.behaves(POST={"decided": {"state": "failed", "reason": "insufficient_funds"}})
    assert await asking().deduct(ORDER) == Outcome("failed", "insufficient_funds")
    await provider.forgets()
    await provider.behaves(POST={"decided": {"state": "pending"}})
    asks = asking()
    assert [(await asks.deduct(ORDER)).answer, (await asks.query(ORDER)).answer] == ["unknown", "unknown"]
    assert asks.breaker.failures == 0  # slow is not broken


async def test_while_the_breaker_is_open_nothing_is_sent_and_nothing_is_known(
    provider: Provider,
    asking: Asking,  # the fixture
) -> None:
    await provider.behaves(POST={"take": False, "status": 500}, GET={"status": 500})
    asks = asking()
    for _ in range(3):
        assert await asks.query(ORDER) == UNKNOWN
    before = len(await provider.asked())
    assert (await asks.deduct(ORDER), await asks.query(ORDER)) == (NOT_THERE, Outcome("unknown", "not_asked"))
    assert len(await provider.asked()) == before


async def test_the_token_is_in_no_log_or_representation(provider: Provider, asking: Asking) -> None:  # the fixture
    await provider.behaves(POST={"then": "cut"})
    with structlog.testing.capture_logs() as logs:
        asks = asking()
        await asks.deduct(ORDER)
    assert logs
    assert all(TOKEN not in text for text in (*map(repr, logs), repr(asks), repr(vars(asks))))


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({"url": "https://bank.example"}, "LUTONG_DEDUCTION_TOKEN"),
        ({"url": "http://bank.example", "token": "t"}, "use https"),
        ({"url": "https://u:p@bank.example", "token": "t"}, "scheme, host and path"),
    ],
)
def test_settings_that_would_leak_the_token_are_refused(fields: dict[str, str], why: str) -> None:
    with pytest.raises(ValueError, match=why):
        DeductionSettings.model_validate(fields)
