"""A payment provider outside: only what it signed about this very order is a payment, and what it did is never guessed."""

from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from typing import Any

import pytest
import pytest_asyncio
from pydantic import HttpUrl, SecretStr

from lutong_chassis.settings import SettingsError, read
from lutong_membership.providers.payment.http import HttpPaymentProvider
from lutong_membership.providers.payment.settings import PaymentSettings
from lutong_membership.providers.payment.values import PaymentOrder, PaymentOutcome
from tests.integration.membership.credit_stub import SIGNING_KEY
from tests.integration.membership.stub import TOKEN, Provider

ORDER = PaymentOrder("p-1", "m-1", 200, "CNY")
TAKES: dict[str, Any] = {"decided": {"state": "succeeded", "receipt": "R-1"}}
PAID, NOT_THERE = PaymentOutcome("succeeded", "R-1"), PaymentOutcome("not_there")

Asking = Callable[..., HttpPaymentProvider]


@pytest_asyncio.fixture
async def asking(stub_url: str) -> AsyncIterator[Asking]:  # the fixture
    """Makes providers that ask the stub; closed when the test ends."""
    async with AsyncExitStack() as stack:

        def make(**overrides: Any) -> HttpPaymentProvider:  # settings, as a test wants them
            fields = {
                "url": HttpUrl(stub_url),
                "token": SecretStr(TOKEN),
                "signing_key": SecretStr(SIGNING_KEY),
                "timeout_s": 20.0,
            }
            made = HttpPaymentProvider(PaymentSettings.model_validate(fields | overrides))
            stack.push_async_callback(made.aclose)
            return made

        yield make


async def test_a_signed_payment_is_confirmed_by_its_receipt(provider: Provider, asking: Asking) -> None:  # the fixture
    await provider.behaves(POST=TAKES)
    assert await asking().charge(ORDER) == PAID
    (asked,) = await provider.asked()
    assert asked["body"] == '{"repayment_id":"p-1","member_id":"m-1","amount_minor":200,"currency":"CNY"}'


@pytest.mark.parametrize(
    "forged",
    [
        {"key": "a-key-made-up-on-the-way"},
        {"decided": TAKES["decided"] | {"amount_minor": 1}},
        {"decided": TAKES["decided"] | {"currency": "JPY"}},
        {"decided": {"state": "succeeded"}},
        {"body": '{"repayment_id":"p-1","state":"succeeded","amount_minor":200,"currency":"CNY","receipt":"R-1"}'},
        {"then": "cut"},
        {"then": "flood"},
        {"status": 500},
        {"status": 400},
        {"status": 302},
    ],
    ids=repr,
)
async def test_what_is_not_signed_about_this_order_decides_nothing(
    forged: dict[str, Any],
    provider: Provider,  # the fixture
    asking: Asking,
) -> None:
    await provider.behaves(POST=TAKES | forged)
    assert (await asking().charge(ORDER)).answer == "unknown"


async def test_a_lost_answer_is_queried(provider: Provider, asking: Asking) -> None:  # the fixture
    await provider.behaves(POST=TAKES | {"then": "cut"})
    client = asking()
    assert (await client.charge(ORDER)).answer == "unknown"
    assert await client.query(ORDER) == PAID


async def test_an_order_that_the_provider_never_had_is_not_there(
    provider: Provider, asking: Asking
) -> None:  # the fixture
    await provider.behaves()
    assert await asking().query(ORDER) == NOT_THERE


async def test_a_signed_refusal_has_a_reason(provider: Provider, asking: Asking) -> None:  # the fixture
    await provider.behaves(POST={"decided": {"state": "failed", "reason": "insufficient_funds"}})
    assert await asking().charge(ORDER) == PaymentOutcome("failed", reason="insufficient_funds")


def test_an_address_needs_a_token_and_a_signing_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LUTONG_PAYMENT_URL", "https://pay.example")
    monkeypatch.setenv("LUTONG_PAYMENT_TOKEN", TOKEN)
    with pytest.raises(SettingsError, match="LUTONG_PAYMENT_SIGNING_KEY"):
        read(PaymentSettings)
