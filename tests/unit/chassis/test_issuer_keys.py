"""Keys by URL: they rotate while requests are served, and nothing that an issuer answers takes those away that work."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest

from lutong_chassis import issuer_keys
from lutong_chassis.auth import UnauthenticatedError, Verifier, public_keys
from lutong_chassis.issuer_keys import IssuerKeys
from lutong_chassis.problem import Problem
from lutong_chassis.settings import Settings, SettingsError, read
from lutong_chassis.testing import an_operator
from lutong_chassis.tokens import AUDIENCE, ISSUER, Signer, generate
from tests.support.harness import until

URL = "https://id.example/jwks"


@dataclass
class Issuer:
    """Publishes keys; `answers` replaces what it answers."""

    signers: list[Signer] = field(default_factory=lambda: [generate()])
    answers: Callable[[], httpx.Response] | None = None
    asked: int = 0

    def handle(self, _: httpx.Request) -> httpx.Response:
        self.asked += 1
        if self.answers:
            return self.answers()
        return httpx.Response(200, json={"keys": [key for signer in self.signers for key in signer.jwks["keys"]]})

    def keys(self) -> IssuerKeys:
        return IssuerKeys(URL, public_keys, lambda: httpx.AsyncClient(transport=httpx.MockTransport(self.handle)))


def a_token(signer: Signer) -> list[str]:
    return [f"Bearer {signer.token(an_operator(), 300)}"]


async def test_a_token_is_accepted_once_keys_were_fetched() -> None:
    issuer = Issuer()
    keys = issuer.keys()
    verifier = Verifier(keys, ISSUER, AUDIENCE)
    with pytest.raises(Problem) as raised:
        verifier.principal(a_token(issuer.signers[0]))
    assert raised.value.status == 503
    assert await keys.fetch()
    assert verifier.principal(a_token(issuer.signers[0])) == an_operator()


@asynccontextmanager
async def following(issuer: Issuer) -> AsyncIterator[Verifier]:
    """A verifier whose keys are followed, with the first ones."""
    keys = issuer.keys()
    verifier = Verifier(keys, ISSUER, AUDIENCE)
    task = asyncio.create_task(keys.follow(verifier))
    try:
        await until(lambda: accepted(verifier, a_token(issuer.signers[0])), "the first key is here")
        yield verifier
    finally:
        task.cancel()


async def accepted(verifier: Verifier, token: list[str]) -> bool:
    try:
        return bool(verifier.principal(token))
    except (UnauthenticatedError, Problem):
        return False


async def test_an_unknown_key_has_them_fetched_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(issuer_keys, "PAUSE_S", 0.05)
    issuer, new = Issuer(), generate()
    async with following(issuer) as verifier:
        assert not await accepted(verifier, a_token(new))
        issuer.signers.append(new)
        await until(lambda: accepted(verifier, a_token(new)), "the new key is here")
        assert await accepted(verifier, a_token(issuer.signers[0]))


async def test_a_key_that_is_withdrawn_is_refused_after_the_next_fetch(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(issuer_keys, "PAUSE_S", 0.05)
    monkeypatch.setattr(issuer_keys, "REFRESH_S", 0.05)
    issuer = Issuer()
    token = a_token(issuer.signers[0])
    async with following(issuer) as verifier:
        assert await accepted(verifier, token)  # and it is remembered
        issuer.signers = [generate()]

        async def refused() -> bool:
            return not await accepted(verifier, token)

        await until(refused, "the remembered token is refused")


WRONG: dict[str, Callable[[], httpx.Response]] = {
    "an error": lambda: httpx.Response(500),
    "a redirect": lambda: httpx.Response(302, headers={"location": "https://elsewhere.example/"}),
    "no JSON": lambda: httpx.Response(200, text="<html>"),
    "a list": lambda: httpx.Response(200, json=[]),
    "no keys": lambda: httpx.Response(200, json={"keys": []}),
    "keys that are none": lambda: httpx.Response(200, json={"keys": 7}),
    "a private key": lambda: httpx.Response(200, json={"keys": [{"kty": "OKP", "kid": "x", "d": "secret"}]}),
    "two megabytes": lambda: httpx.Response(200, text=json.dumps({"keys": "x" * 2_000_000})),
}


@pytest.mark.parametrize("wrong", WRONG)
async def test_whatever_the_issuer_answers_known_keys_stay(wrong: str) -> None:
    issuer = Issuer()
    keys = issuer.keys()
    verifier = Verifier(keys, ISSUER, AUDIENCE)
    assert await keys.fetch()
    issuer.answers = WRONG[wrong]
    assert not await keys.fetch()
    assert verifier.principal(a_token(issuer.signers[0])) == an_operator()


async def test_a_thousand_unknown_keys_ask_the_issuer_once() -> None:
    issuer, stranger = Issuer(), generate()
    async with following(issuer) as verifier:
        for _ in range(1_000):
            assert not await accepted(verifier, a_token(stranger))
            await asyncio.sleep(0)  # a turn of the loop, in which the issuer could be asked
    assert issuer.asked == 1  # the next try is ten seconds after the first


@pytest.mark.parametrize("url", ["http://id.example/jwks", "ftp://id.example/jwks", "id.example"])
def test_keys_are_asked_over_https_alone(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(SettingsError, match="LUTONG_AUTH_KEYS_URL"):
        settings_with(url, monkeypatch)


def settings_with(url: str, monkeypatch: pytest.MonkeyPatch) -> Settings:
    required: dict[str, Any] = {
        "LUTONG_DATABASE_URL": "postgresql://unused",
        "LUTONG_KAFKA_BOOTSTRAP": "127.0.0.1:9",
        "LUTONG_AUTH_ISSUER": ISSUER,
        "LUTONG_AUTH_KEYS_URL": url,
    }
    for name, value in required.items():
        monkeypatch.setenv(name, value)
    return read(Settings)
