"""People sign in at an issuer: what comes back is checked, and each person gets what the issuer vouches for, and no more."""

import base64
import hashlib
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from lutong_chassis.auth import Principal
from lutong_chassis.kafka import KafkaAccess
from lutong_console.bearer import Bearer
from lutong_console.targets import Suite
from lutong_console.web.access import Access
from lutong_console.web.app import create
from lutong_console.web.openid import PENDING_LIFETIME_S, Begun, Issuer, OpenId, SignInError, person_of
from lutong_console.web.people import People

HERE, CLIENT = "http://127.0.0.1:9/issuer", "lutong-console"
BACK = "http://127.0.0.1:8900/sign-in/back"


class Clock:
    now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


@dataclass
class Stub:
    """An issuer. `claims` change the next token, `signing` is the key that signs, `published` those that it publishes."""

    keys: dict[str, rsa.RSAPrivateKey] = field(default_factory=dict)
    published: list[str] = field(default_factory=list)
    signing: str = ""
    claims: dict[str, Any] = field(default_factory=dict)
    sign: Callable[[dict[str, Any]], str] | None = None
    nonce: str = ""
    challenge: str = ""
    asked_for_keys: int = 0

    def rotate(self, kid: str) -> None:
        self.keys[kid] = rsa.generate_private_key(65537, 2048)
        self.published, self.signing = [kid], kid

    @property
    def app(self) -> Starlette:
        paths = {"/issuer/.well-known/openid-configuration": self.discovery, "/keys": self.jwks}
        routes = [Route(path, endpoint) for path, endpoint in paths.items()]
        return Starlette(routes=[*routes, Route("/token", self.token, methods=["POST"])])

    async def discovery(self, _: Request) -> JSONResponse:
        address = "http://127.0.0.1:9"
        ends = {"authorization_endpoint": "/authorize", "token_endpoint": "/token", "jwks_uri": "/keys"}
        return JSONResponse({"issuer": HERE} | {name: address + path for name, path in ends.items()})

    async def jwks(self, _: Request) -> JSONResponse:
        self.asked_for_keys += 1
        made = [jwt.algorithms.RSAAlgorithm.to_jwk(self.keys[kid].public_key(), as_dict=True) for kid in self.published]
        return JSONResponse({"keys": [key | {"kid": kid} for key, kid in zip(made, self.published, strict=True)]})

    async def token(self, request: Request) -> JSONResponse:
        form = await request.form()
        proof = base64.urlsafe_b64encode(hashlib.sha256(str(form["code_verifier"]).encode()).digest()).rstrip(b"=")
        if form["code"] != "good" or proof.decode() != self.challenge:
            return JSONResponse({"error": "invalid_grant"}, 400)
        now = int(time.time())
        claims = {"iss": HERE, "aud": CLIENT, "sub": "ann", "iat": now, "exp": now + 300, "nonce": self.nonce}
        whole = claims | {"lutong_role": "operator"} | self.claims
        return JSONResponse({"id_token": (self.sign or self.signed)(whole)})

    def signed(self, claims: dict[str, Any]) -> str:
        return jwt.encode(claims, self.keys[self.signing], "RS256", headers={"kid": self.signing})

    def saw(self, begun: Begun) -> Begun:
        """The browser came by, and the person agreed."""
        query = parse_qs(urlsplit(begun.url).query)
        self.nonce, self.challenge = query["nonce"][0], query["code_challenge"][0]
        assert query["code_challenge_method"] == ["S256"]
        return begun


@pytest.fixture
def stub() -> Stub:
    made = Stub()
    made.rotate("first")
    return made


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def openid(stub: Stub, clock: Clock) -> OpenId:
    app = stub.app
    return OpenId(Issuer(HERE, CLIENT, BACK), lambda: httpx.AsyncClient(transport=httpx.ASGITransport(app)), clock)


async def signed_in(openid: OpenId, stub: Stub) -> Principal:
    begun = stub.saw(await openid.begin())
    return await openid.finish(begun.state, "good", begun.state)


async def test_a_person_is_who_the_issuer_vouches_for(openid: OpenId, stub: Stub) -> None:
    assert await signed_in(openid, stub) == Principal("ann", "operator")
    stub.claims = {"lutong_role": "merchant", "merchant_id": "watsons"}
    assert await signed_in(openid, stub) == Principal("ann", "merchant", merchant_id="watsons")


async def test_a_sign_in_is_good_once(openid: OpenId, stub: Stub) -> None:
    begun = stub.saw(await openid.begin())
    await openid.finish(begun.state, "good", begun.state)
    with pytest.raises(SignInError, match="was used"):
        await openid.finish(begun.state, "good", begun.state)


async def test_a_sign_in_of_another_browser_is_refused(openid: OpenId, stub: Stub) -> None:
    mine, theirs = stub.saw(await openid.begin()), await openid.begin()
    with pytest.raises(SignInError, match="another browser"):
        await openid.finish(mine.state, "good", theirs.state)


async def test_an_old_sign_in_is_refused(openid: OpenId, stub: Stub, clock: Clock) -> None:
    begun = stub.saw(await openid.begin())
    clock.now_s += PENDING_LIFETIME_S
    with pytest.raises(SignInError, match="ten minutes"):
        await openid.finish(begun.state, "good", begun.state)


async def test_a_stolen_code_is_worth_nothing_without_its_proof(openid: OpenId, stub: Stub) -> None:
    begun = stub.saw(await openid.begin())
    stub.saw(await openid.begin())  # the code that is redeemed belongs to this one's challenge
    with pytest.raises(SignInError, match="does not answer as it should"):
        await openid.finish(begun.state, "good", begun.state)


def _with_public_key(stub: Stub) -> Callable[[dict[str, Any]], str]:
    """HS256 with the public key as the secret: PyJWT refuses to make it, so it is made by hand."""
    import hmac
    import json

    def made(claims: dict[str, Any]) -> str:
        public = stub.keys["first"].public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
        parts = [{"alg": "HS256", "typ": "JWT", "kid": "first"}, claims]
        text = b".".join(base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=") for part in parts)
        return (text + b"." + base64.urlsafe_b64encode(hmac.digest(public, text, "sha256")).rstrip(b"=")).decode()

    return made


@pytest.mark.parametrize(
    "changed",
    [
        {"aud": "another-client"},
        {"iss": "http://127.0.0.1:9/other"},
        {"exp": 1},
        {"nonce": "of another sign-in"},
        {"sub": None},
        {"lutong_role": None},
        {"lutong_role": "root"},
        {"lutong_role": ["admin"]},
        {"lutong_role": "merchant"},
        {"sub": "has a space"},
    ],
)
async def test_claims_that_are_not_right_let_nobody_in(openid: OpenId, stub: Stub, changed: dict[str, Any]) -> None:
    stub.claims = changed
    with pytest.raises(SignInError):
        await signed_in(openid, stub)


@pytest.mark.parametrize("how", ["none", "public key as secret", "another key", "no kid", "nonsense"])
async def test_a_token_that_the_issuer_did_not_sign_is_refused(openid: OpenId, stub: Stub, how: str) -> None:
    other = rsa.generate_private_key(65537, 2048)
    stub.sign = {
        "none": lambda claims: jwt.encode(claims, "", "none", headers={"kid": "first"}),
        "public key as secret": _with_public_key(stub),
        "another key": lambda claims: jwt.encode(claims, other, "RS256", headers={"kid": "first"}),
        "no kid": lambda claims: jwt.encode(claims, stub.keys["first"], "RS256"),
        "nonsense": lambda _: "a.b.c",
    }[how]
    with pytest.raises(SignInError, match="not accepted"):
        await signed_in(openid, stub)


async def test_new_keys_of_the_issuer_are_fetched(openid: OpenId, stub: Stub, clock: Clock) -> None:
    await signed_in(openid, stub)
    stub.rotate("second")
    with pytest.raises(SignInError):  # just fetched: nobody makes us ask all the time
        await signed_in(openid, stub)
    clock.now_s += 10
    assert (await signed_in(openid, stub)).subject == "ann"
    assert stub.asked_for_keys == 2


async def test_a_key_that_the_issuer_took_back_is_forgotten(openid: OpenId, stub: Stub, clock: Clock) -> None:
    await signed_in(openid, stub)
    stub.rotate("second")
    stub.signing = "first"
    assert await signed_in(openid, stub)
    clock.now_s += 3_600
    with pytest.raises(SignInError):
        await signed_in(openid, stub)


async def test_an_issuer_without_tls_is_not_asked() -> None:
    far = OpenId(Issuer("http://issuer.example", CLIENT, BACK))
    with pytest.raises(SignInError, match="https"):
        await far.begin()


def test_a_role_is_read_from_the_claim_that_was_configured() -> None:
    issuer = Issuer(HERE, CLIENT, BACK, role_claim="groups")
    assert person_of({"sub": "ann", "groups": "viewer", "lutong_role": "admin"}, issuer).role == "viewer"


@pytest.fixture
async def browser(openid: OpenId) -> AsyncIterator[httpx.AsyncClient]:
    """A browser at a console whose people sign in at the stub."""
    target = Suite({"inventory": "http://127.0.0.1:1"}, KafkaAccess("127.0.0.1:1"), {})
    people = People(openid, lambda who: Bearer(lambda: f"token-of-{who.subject}"))
    app = create(target, "test", Access(), people)
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8900") as client:
        yield client


async def come_in(browser: httpx.AsyncClient, stub: Stub) -> httpx.Response:
    begun = await browser.get("/sign-in/issuer")
    query = parse_qs(urlsplit(begun.headers["location"]).query)
    stub.saw(Begun(begun.headers["location"], query["state"][0]))
    return await browser.get("/sign-in/back", params={"code": "good", "state": query["state"][0]})


async def test_a_session_cookie_is_for_no_script_and_no_other_site(browser: httpx.AsyncClient, stub: Stub) -> None:
    answer = await come_in(browser, stub)
    cookies = [value.lower() for value in answer.headers.get_list("set-cookie") if value.startswith("lutong_session")]
    assert len(cookies) == 1
    assert "httponly" in cookies[0]
    assert "samesite=strict" in cookies[0]
    page = await browser.get("/catalogue")
    assert (page.status_code, "ann · operator" in page.text) == (200, True)


async def test_who_did_not_begin_here_gets_no_session(browser: httpx.AsyncClient) -> None:
    answer = await browser.get("/sign-in/back", params={"code": "good", "state": "guessed"})
    assert answer.status_code == 403
    assert (await browser.get("/catalogue")).status_code == 401


async def test_a_viewer_changes_nothing_whatever_is_posted(browser: httpx.AsyncClient, stub: Stub) -> None:
    stub.claims = {"lutong_role": "viewer"}
    await come_in(browser, stub)
    app: Any = browser._transport
    csrf = next(iter(app.app.state.access._sessions.values())).csrf
    for path in ("/parked/feed/1/discard", "/stores/watsons/s-1/pause", "/parked/runs/x/stop"):
        answer = await browser.post(path, data={"csrf": csrf, "reason": "because"})
        assert (answer.status_code, "read-only" in answer.text) == (403, True), path


@pytest.mark.parametrize(
    "path", ["/", "/parked", "/parked/feed/1", "/journeys", "/tail", "/tail/stream", "/live", "/audit", "/publishers"]
)
async def test_a_merchant_gets_no_page_of_the_staff(browser: httpx.AsyncClient, stub: Stub, path: str) -> None:
    stub.claims = {"lutong_role": "merchant", "merchant_id": "watsons"}
    await come_in(browser, stub)
    answer = await browser.get(path)
    assert answer.status_code == 403
    assert "/stores" in answer.text
    assert 'href="/audit"' not in answer.text
