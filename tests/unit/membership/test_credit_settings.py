"""Which provider is asked: settings that make no sense are refused, and the token is a secret."""

import pytest

from lutong_chassis.settings import SettingsError, read
from lutong_membership.providers.credit.choose import ScorecardProvider, provider_of
from lutong_membership.providers.credit.http import HttpCreditProvider
from lutong_membership.providers.credit.settings import CreditSettings
from lutong_membership.providers.credit.values import Application, Assessment
from tests.support.builders import BAD_PROFILE, GOOD_PROFILE

OUTSIDE = {
    "LUTONG_CREDIT_PROVIDER": "http",
    "LUTONG_CREDIT_URL": "https://credit.example/v1",
    "LUTONG_CREDIT_TOKEN": "canary",
}


def given(variables: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)


async def test_without_a_word_the_scorecard_decides(monkeypatch: pytest.MonkeyPatch) -> None:
    provider = provider_of(read(CreditSettings))
    assert isinstance(provider, ScorecardProvider)
    good, bad = (Application("m", **profile, application_id="a") for profile in (GOOD_PROFILE, BAD_PROFILE))
    admitted, declined = await provider.assess(good), await provider.assess(bad, asked_before=True)
    assert isinstance(admitted, Assessment)
    assert isinstance(declined, Assessment)
    assert (admitted.admits, declined.admits) == (True, False)
    assert (admitted.provider, admitted.valid_for.days) == ("scorecard-2", 30)
    assert declined.reasons[0] == "paid_late"


async def test_a_provider_outside_is_asked_when_the_settings_name_it(monkeypatch: pytest.MonkeyPatch) -> None:
    given(OUTSIDE | {"LUTONG_CREDIT_NAME": "zhima"}, monkeypatch)
    provider = provider_of(read(CreditSettings))
    assert isinstance(provider, HttpCreditProvider)
    assert provider.name == "zhima"
    await provider.aclose()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"LUTONG_CREDIT_PROVIDER": "oracle"}, "LUTONG_CREDIT_PROVIDER: "),
        ({"LUTONG_CREDIT_TIMEOUT_S": "0"}, "LUTONG_CREDIT_TIMEOUT_S: "),
        ({"LUTONG_CREDIT_URL": "ftp://x"}, "LUTONG_CREDIT_URL: "),
        ({"LUTONG_CREDIT_URL": "http://credit.example"}, "in the clear: use https"),
        ({"LUTONG_CREDIT_URL": "https://me:canary@credit.example"}, "its own variable"),
        ({"LUTONG_CREDIT_URL": "https://credit.example/?key=canary"}, "its own variable"),
        ({"LUTONG_CREDIT_TOKEN": "canary\n"}, "look for a line end"),
        ({"LUTONG_CREDIT_TOKEN": ""}, "look for a line end"),
    ],
)
def test_wrong_settings_are_explained_without_what_they_hold(
    change: dict[str, str], message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    given(OUTSIDE | change, monkeypatch)
    with pytest.raises(SettingsError, match=message) as refused:
        read(CreditSettings)
    assert "canary" not in str(refused.value)


@pytest.mark.parametrize("missing", ["LUTONG_CREDIT_URL", "LUTONG_CREDIT_TOKEN"])
def test_a_provider_outside_needs_an_address_and_a_token(missing: str, monkeypatch: pytest.MonkeyPatch) -> None:
    given({name: value for name, value in OUTSIDE.items() if name != missing}, monkeypatch)
    with pytest.raises(SettingsError, match="set LUTONG_CREDIT_URL and LUTONG_CREDIT_TOKEN"):
        read(CreditSettings)


def test_on_this_machine_http_will_do(monkeypatch: pytest.MonkeyPatch) -> None:
    given(OUTSIDE | {"LUTONG_CREDIT_URL": "http://127.0.0.1:8080"}, monkeypatch)
    assert read(CreditSettings).url is not None


def test_the_token_is_in_no_representation(monkeypatch: pytest.MonkeyPatch) -> None:
    given(OUTSIDE, monkeypatch)
    settings = read(CreditSettings)
    assert "canary" not in f"{settings!r} {settings} {settings.model_dump_json()}"
