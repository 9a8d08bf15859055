"""A credit provider outside, as it is on bad days: slow, cut off, lying. Nobody is admitted by accident, or asked twice."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from datetime import timedelta
from typing import Any

import pytest
import pytest_asyncio
import structlog
from prometheus_client import generate_latest
from pydantic import HttpUrl, SecretStr

from lutong_local.ports import free_port
from lutong_membership.providers.credit.http import HttpCreditProvider
from lutong_membership.providers.credit.settings import CreditSettings
from lutong_membership.providers.credit.values import Application, Assessment, Unavailable
from tests.integration.membership.stub import TOKEN, Clock, Provider
from tests.support.builders import GOOD_PROFILE
from tests.support.harness import until

ADMITTED = Assessment(712, 300_000, (), "zhima", timedelta(days=30))
DECLINED = {"state": "decided", "decision": "declined", "points": 480, "limit_minor": 0, "valid_days": 7}
PENDING = {"state": "pending"}
APPLICATION = Application("m-1", **GOOD_PROFILE, application_id="a-1")


@pytest_asyncio.fixture
async def asking(stub_url: str) -> AsyncIterator[Callable[..., HttpCreditProvider]]:
    """Makes providers that ask the stub; closed when the test ends."""
    async with AsyncExitStack() as stack:

        def make(clock: Clock | None = None, **overrides: Any) -> HttpCreditProvider:  # settings, as a test wants them
            settings = {
                "provider": "http",
                "name": "zhima",
                "url": HttpUrl(stub_url),
                "token": SecretStr(TOKEN),
                "timeout_s": 20.0,  # far more than anything here takes, unless a test is about time
                "query_interval_s": 0.01,
                "failures_max": 3,
                "pause_s": 60.0,
            }
            made = HttpCreditProvider(CreditSettings.model_validate(settings | overrides), clock or Clock())
            stack.push_async_callback(made.aclose)
            return made

        yield make


Asking = Callable[..., HttpCreditProvider]


async def test_an_application_is_put_once_and_its_decision_taken(provider: Provider, asking: Asking) -> None:
    assert await asking().assess(APPLICATION) == ADMITTED
    (asked,) = await provider.asked()
    assert (asked["method"], asked["path"], asked["order"]) == ("POST", "/orders", "a-1")
    assert asked["token"] == f"Bearer {TOKEN}".lower()  # the stub lowers what it reads
    assert asked["body"] == '{"out_order_no":"a-1","member_id":"m-1"}'  # no fact of the application leaves


async def test_a_refusal_is_an_assessment_without_a_limit(provider: Provider, asking: Asking) -> None:
    await provider.behaves(POST={"decided": DECLINED})
    outcome = await asking().assess(APPLICATION)
    assert outcome == Assessment(480, 0, ("declined_by_provider",), "zhima", timedelta(days=7))
    assert not outcome.admits


@pytest.mark.parametrize(
    "loss",
    [
        {"then": "cut"},
        {"status": 500},
        {"status": 503, "body": "busy"},
        {"status": 409, "body": "taken already"},
        {"body": "<html>"},
        {"status": 302, "body": "", "headers": {"location": "/orders/a-2"}},
    ],
)
async def test_an_answer_that_is_lost_is_queried_and_never_sent_again(
    loss: dict[str, Any], provider: Provider, asking: Asking
) -> None:
    await provider.behaves(POST=loss)
    assert await asking().assess(APPLICATION) == ADMITTED
    assert await provider.asked_how() == ["POST", "GET"]


async def test_silence_ends_in_time_for_a_query(provider: Provider, asking: Asking) -> None:
    await provider.behaves(POST={"then": "silence"})
    assert await asking(timeout_s=4.0).assess(APPLICATION) == ADMITTED
    assert await provider.asked_how() == ["POST", "GET"]


@pytest.mark.parametrize("how", ["silence", "drip"])
async def test_time_is_bounded_whatever_the_provider_does(how: str, provider: Provider, asking: Asking) -> None:
    await provider.behaves(POST={"then": how}, GET={"then": how})
    async with asyncio.timeout(30):  # a byte now and then resets every timeout but the one over all
        assert await asking(timeout_s=1.0).assess(APPLICATION) == Unavailable("unknown_outcome")
    assert (await provider.asked_how()).count("POST") == 1


async def test_an_outcome_that_stays_unknown_is_queried_next_time_and_found(provider: Provider, asking: Asking) -> None:
    asks = asking()
    await provider.behaves(POST={"then": "cut"}, GET={"status": 500})
    assert await asks.assess(APPLICATION) == Unavailable("unknown_outcome")
    assert await asks.assess(APPLICATION, asked_before=True) == Unavailable("unknown_outcome")
    await provider.behaves()
    assert await asks.assess(APPLICATION, asked_before=True) == ADMITTED
    assert await provider.asked_how() == ["POST"] + 8 * ["GET"]


async def test_it_is_sent_again_only_when_the_provider_never_received_it(provider: Provider, asking: Asking) -> None:
    asks = asking()
    await provider.behaves(POST={"take": False, "then": "cut"})
    assert await asks.assess(APPLICATION) == Unavailable("unknown_outcome")
    await provider.behaves()
    assert await asks.assess(APPLICATION, asked_before=True) == ADMITTED
    assert await asks.assess(APPLICATION, asked_before=True) == ADMITTED
    assert await provider.asked_how() == ["POST", "GET", "GET", "POST", "GET"]


async def test_an_order_that_is_still_being_decided_is_queried_for_a_while(provider: Provider, asking: Asking) -> None:
    await provider.behaves(POST={"decided": PENDING})
    asks = asking(queries_max=2)
    assert await asks.assess(APPLICATION) == Unavailable("still_deciding")
    assert await provider.asked_how() == ["POST", "GET", "GET"]
    assert asks.breaker.failures == 0  # slow to decide is not broken


@pytest.mark.parametrize(
    "answer",
    [
        {"points": "712"},
        {"points": 712.5},
        {"points": 9_999},
        {"points": None},
        {"limit_minor": 0},
        {"limit_minor": -1},
        {"limit_minor": True},
        {"limit_minor": 10**13},
        {"decision": "declined"},
        {"decision": "maybe"},
        {"decision": None},
        {"state": "approved"},
        {"valid_days": 0},
    ],
)
async def test_an_answer_that_is_not_exactly_right_admits_nobody(
    answer: dict[str, Any], provider: Provider, asking: Asking
) -> None:
    right = {"state": "decided", "decision": "admitted", "points": 712, "limit_minor": 300_000, "valid_days": 30}
    await provider.behaves(POST={"decided": right | answer})
    assert await asking().assess(APPLICATION) == Unavailable("bad_answer")


@pytest.mark.parametrize(
    "behaviour",
    [
        {"body": '{"out_order_no": "a-2", "state": "decided", "decision": "admitted", "points": 900, "limit_minor": 1, "valid_days": 1}'},
        {"body": "[" * 50_000},
        {"body": "null"},
        {"body": ""},
        {"headers": {"content-encoding": "gzip"}, "body": "not gzip"},
        {"then": "flood"},
    ],
    ids=["another order", "brackets", "null", "nothing", "packed", "endless"],
)  # fmt: skip
async def test_an_answer_about_something_else_admits_nobody(
    behaviour: dict[str, Any], provider: Provider, asking: Asking
) -> None:
    await provider.behaves(POST=behaviour, GET=behaviour)
    assert await asking().assess(APPLICATION) == Unavailable("bad_answer")
    assert (await provider.asked_how()).count("POST") == 1


@pytest.mark.parametrize(
    ("status", "reason", "counts"),
    [(401, "refused", 1), (403, "refused", 1), (429, "refused", 1), (400, "rejected", 0), (422, "rejected", 0)],
)
async def test_a_refused_request_is_final_and_only_refused_credentials_open_the_breaker(
    status: int, reason: str, counts: int, provider: Provider, asking: Asking
) -> None:
    await provider.behaves(POST={"take": False, "status": status, "body": "no"})
    asks = asking()
    assert await asks.assess(APPLICATION) == Unavailable(reason)  # type: ignore[arg-type]  # a column of the table
    assert await provider.asked_how() == ["POST"]
    assert asks.breaker.failures == counts


async def test_nobody_there_is_unreachable(asking: Asking) -> None:
    asks = asking(url=HttpUrl(f"http://127.0.0.1:{free_port()}"))
    assert await asks.assess(APPLICATION) == Unavailable("unreachable")


async def test_the_breaker_opens_spares_the_provider_and_heals_with_one_trial(
    provider: Provider, asking: Asking
) -> None:
    clock = Clock()
    asks = asking(clock)
    await provider.behaves(POST={"take": False, "status": 500}, GET={"status": 500})
    for _ in range(3):
        assert await asks.assess(APPLICATION) == Unavailable("unknown_outcome")
    asked = len(await provider.asked())
    assert await asks.assess(APPLICATION) == Unavailable("breaker_open")
    assert len(await provider.asked()) == asked

    clock.now_s += 60
    assert await asks.assess(APPLICATION) == Unavailable("unknown_outcome")  # the trial fails
    assert await asks.assess(APPLICATION) == Unavailable("breaker_open")

    await provider.forgets()
    await provider.behaves(POST={"then": "silence"})
    clock.now_s += 60
    trial = asyncio.create_task(asks.assess(APPLICATION))
    await until(provider.asked, "the trial is out")
    answers = await asyncio.gather(*(asks.assess(APPLICATION) for _ in range(20)))
    assert answers == [Unavailable("breaker_open")] * 20  # while the trial is out
    trial.cancel()
    await asyncio.gather(trial, return_exceptions=True)

    await provider.behaves()
    clock.now_s += 60  # a trial that got lost is followed by another
    assert await asks.assess(APPLICATION) == ADMITTED
    assert asks.breaker.state == "closed"


async def test_the_token_is_in_no_log_metric_or_representation(
    provider: Provider, asking: Asking, capfd: pytest.CaptureFixture[str]
) -> None:
    with structlog.testing.capture_logs() as logs:
        for behaviour in ({"status": 401}, {"then": "cut"}, {"body": "<html>"}, {"then": "flood"}):
            await provider.behaves(POST=behaviour, GET=behaviour)
            asks = asking()
            await asks.assess(APPLICATION)
            await asks.aclose()
            await asks.assess(APPLICATION)  # a bug of the caller's: httpx raises something of its own
    printed = capfd.readouterr()
    assert {entry["event"] for entry in logs} == {"credit_unavailable", "credit_provider_bug"}
    texts = [*map(repr, logs), printed.out, printed.err, generate_latest().decode(), repr(asks), repr(vars(asks))]
    assert all(TOKEN not in text for text in texts)
    assert b'lutong_credit_assessments_total{outcome="refused",provider="zhima"}' in generate_latest()


async def test_many_at_once_are_each_put_once(provider: Provider, asking: Asking) -> None:
    asks = asking()
    many = [Application(f"m-{n}", **GOOD_PROFILE, application_id=f"a-{n}") for n in range(40)]
    assert await asyncio.gather(*map(asks.assess, many)) == [ADMITTED] * 40
    asked = await provider.asked()
    assert sorted(request["order"] for request in asked) == sorted(application.application_id for application in many)


async def test_negative_control_trying_again_blindly_would_put_an_application_twice(
    provider: Provider, asking: Asking
) -> None:
    await provider.behaves(POST={"then": "cut"}, GET={"status": 500})
    asks = asking()
    await asks.assess(APPLICATION)
    await asks.assess(APPLICATION)  # what `asked_before` is for
    assert (await provider.asked_how()).count("POST") == 2
