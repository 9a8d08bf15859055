"""Who asks: forged tokens are refused in the same words, before anything of the request is read."""

import json
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import httpx
import jwt
import pytest
import pytest_asyncio
import structlog
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from fastapi import FastAPI

from lutong_chassis.auth import Principal, UnauthenticatedError, Verifier, public_keys, read_keys
from lutong_chassis.http.limits import Lines
from lutong_chassis.settings import SettingsError
from lutong_chassis.testing import a_member, a_merchant, a_viewer, an_admin, an_operator, bearer, settings_for, signer
from lutong_chassis.tokens import AUDIENCE, ISSUER, generate, make_keys, read_key
from lutong_feed.app import service
from tests.support.invalid_tokens import WRONG_CLAIMS, claims, invalid_tokens, signed

INVALID_TOKENS = invalid_tokens(signer())
ROUTE = "/v1/summary"
DAY = 86_400


def an_rsa_key(bits: int = 2048) -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=bits)


def a_jwk(key: rsa.RSAPrivateKey) -> dict[str, Any]:
    return {"kid": "rsa", **jwt.algorithms.RSAAlgorithm.to_jwk(key.public_key(), as_dict=True)}


RSA = an_rsa_key()
JWKS = {"keys": [*signer().jwks["keys"], a_jwk(RSA)]}


def a_verifier() -> Verifier:
    return Verifier(public_keys(JWKS), ISSUER, AUDIENCE)


@pytest.fixture(scope="module")
def app() -> FastAPI:
    """A feed that has no database yet: a caller who is let in gets a 503."""
    app = service.app(settings_for("postgresql://unused"))
    app.state.authorizer.verifier = a_verifier()
    return app


@pytest_asyncio.fixture
async def client(app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://feed") as client:
        yield client


@pytest.mark.parametrize("name", INVALID_TOKENS)
async def test_a_forged_token_is_refused(name: str, client: httpx.AsyncClient) -> None:
    answer = await client.get(ROUTE, headers={"authorization": INVALID_TOKENS[name]})
    assert answer.status_code == 401, answer.text
    assert answer.headers["www-authenticate"] == "Bearer"


async def test_all_refusals_read_alike_and_the_log_has_reasons_without_tokens(
    app: FastAPI, client: httpx.AsyncClient
) -> None:
    app.state.authorizer.lines = Lines()
    with structlog.testing.capture_logs() as lines:
        named = {"lutong-request-id": "r-1"}
        answers = [
            await client.get(ROUTE, headers=named | {"authorization": value}) for value in INVALID_TOKENS.values()
        ]
        answers.append(await client.get(ROUTE, headers=named))
    assert len({(answer.content, tuple(sorted(answer.headers.items()))) for answer in answers}) == 1
    assert len({line["reason"] for line in lines}) > 10
    logged = json.dumps(lines)
    assert "eyJ" not in logged
    assert "evil" not in logged
    assert "UNION" not in logged


async def test_a_token_is_taken_from_one_header_only(client: httpx.AsyncClient) -> None:
    token = signer().token(an_admin())
    twice = httpx.Headers([("authorization", f"Bearer {token}"), ("authorization", f"Bearer {token}")])
    assert (await client.get(ROUTE, headers=twice)).status_code == 401
    assert (await client.get(f"{ROUTE}?access_token={token}")).status_code == 401
    assert (await client.get(ROUTE, headers={"cookie": f"access_token={token}"})).status_code == 401
    assert (await client.get(ROUTE, headers={"x-forwarded-user": "ada", "x-role": "admin"})).status_code == 401


@pytest.mark.parametrize(
    "make",
    [
        lambda: signer().token(an_admin()),
        lambda: signed(signer(), {"exp": -20}),
        lambda: signed(signer(), {"nbf": 20, "iat": 20}),
        lambda: signed(signer(), {"aud": ["billing", AUDIENCE]}),
        lambda: signed(signer(), header={"typ": "application/at+jwt"}),
        lambda: signed(signer(), {"email": "ada@example.org", "scope": "everything"}),
        lambda: jwt.encode(claims({}), RSA, "RS256", {"typ": "AT+JWT", "kid": "rsa"}),
    ],
    ids=["ours", "20 s late", "20 s early", "several audiences", "long type", "more claims", "RS256"],
)
async def test_a_good_token_is_believed(make: Callable[[], str], client: httpx.AsyncClient) -> None:
    assert (await client.get(ROUTE, headers={"authorization": f"bearer {make()}"})).status_code == 503


LIVES = {
    "until the end of time": {"exp": 1e300},
    "until infinity": {"exp": float("inf")},
    "a year": {"exp": 365 * DAY},
    "a day and a second": {"exp": DAY + 1},
    "issued a day ago": {"iat": -DAY, "nbf": -DAY, "exp": 60},
    "issued before time": {"iat": -1e300, "exp": 60},
    "issued never": {"iat": float("nan"), "exp": 60},
}


@pytest.mark.parametrize("life", LIVES.values(), ids=LIVES)
async def test_a_token_that_lives_longer_than_a_day_is_refused(life: dict[str, Any], client: httpx.AsyncClient) -> None:
    answer = await client.get(ROUTE, headers={"authorization": f"Bearer {signed(signer(), life)}"})
    assert answer.status_code == 401


async def test_a_token_may_live_for_a_day(client: httpx.AsyncClient) -> None:
    answer = await client.get(ROUTE, headers={"authorization": f"Bearer {signer().token(an_admin(), DAY)}"})
    assert answer.status_code == 503


def test_the_longest_life_of_a_token_is_a_setting() -> None:
    verifier = Verifier(public_keys(JWKS), ISSUER, AUDIENCE, life_max_s=600)
    assert verifier.principal([f"Bearer {signer().token(an_admin(), 600)}"]) == an_admin()
    with pytest.raises(UnauthenticatedError, match="lives too long"):
        verifier.principal([f"Bearer {signer().token(an_admin(), 601)}"])


@pytest.mark.parametrize("skewed", [{"exp": -60}, {"nbf": 60}, {"iat": 60}], ids=["late", "early", "not issued yet"])
async def test_clocks_may_not_differ_by_a_minute(skewed: dict[str, object], client: httpx.AsyncClient) -> None:
    token = signed(signer(), skewed)
    assert (await client.get(ROUTE, headers={"authorization": f"Bearer {token}"})).status_code == 401


def test_negative_control_a_verifier_that_only_looks_at_the_signature_believes_dozens() -> None:
    """What all the other checks are for: without them, these very tokens are good ones."""
    believed = set()
    options: Any = dict.fromkeys(("verify_aud", "verify_iss", "verify_exp", "verify_nbf", "verify_iat"), False)
    for name, value in INVALID_TOKENS.items():
        try:
            jwt.decode(value.removeprefix("Bearer "), signer().key.public_key(), ["EdDSA"], options)
        except jwt.PyJWTError:
            continue
        believed.add(name)
    assert believed > set(WRONG_CLAIMS) - {"a subject that is a number"}
    assert {"a key elsewhere (jku)", "an ID token", "an unknown key", "as long as a book"} < believed


async def test_nothing_is_read_of_a_request_before_it_is_refused() -> None:
    app = service.app(settings_for("postgresql://unused", http_burst=1, http_rate_per_s=0.01))
    app.state.authorizer.verifier = a_verifier()

    async def status_of(method: str, path: str, who: Principal | None) -> int:
        sent: list[Any] = []

        async def receive() -> Any:  # noqa: ANN401  # an ASGI message
            raise AssertionError("the body was read")

        async def send(message: Any) -> None:  # noqa: ANN401  # an ASGI message
            sent.append(message)

        headers = [(name.encode(), value.encode()) for name, value in bearer(who).items()] if who else []
        scope = {"type": "http", "method": method, "path": path, "query_string": b"", "headers": headers}
        await app(scope | {"http_version": "1.1", "scheme": "http", "server": ("feed", 80)}, receive, send)
        return int(sent[0]["status"])

    for method, path in (("POST", "/v1/posts"), ("POST", "/operations/republication"), ("PUT", "/v1/accounts/ann")):
        assert await status_of(method, path, None) == 401
    assert await status_of("POST", "/v1/posts", a_viewer()) == 403
    assert await status_of("POST", "/v1/posts", a_viewer()) == 429


def test_a_verified_token_is_remembered_until_it_expires() -> None:
    now = [0.0]
    verifier = Verifier(public_keys(JWKS), ISSUER, AUDIENCE, lambda: now[0])
    header = [f"Bearer {signer().token(an_admin(), lifetime_s=-10)}"]  # within the leeway
    assert verifier.principal(header) == an_admin()
    verifier.keys = {}  # nothing can be verified any more
    now[0] = next(expires_at for _, expires_at in verifier.verified.values()) - 1
    assert verifier.principal(header) == an_admin()
    now[0] += 1
    with pytest.raises(UnauthenticatedError, match="unknown key"):
        verifier.principal(header)


def test_the_memory_of_verified_tokens_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lutong_chassis.auth._CACHE_MAX", 3)
    verifier = a_verifier()
    for n in range(10):
        verifier.principal([f"Bearer {signer().token(a_member(f'm-{n}'))}"])
    assert [who.subject for who, _ in verifier.verified.values()] == ["m-7", "m-8", "m-9"]


def test_who_acts_for_whom() -> None:
    both = Principal("wang", "merchant", merchant_id="shop", member_id="wang")
    assert both.acts_for(merchant="shop")
    assert both.acts_for(member="wang")
    assert both.acts_for(merchant="rival", member="wang")
    assert not both.acts_for(merchant="rival")
    assert not both.acts_for(merchant="wang", member="shop")
    assert not a_member("shop").acts_for(merchant="shop")
    assert not a_merchant("ann").acts_for(member="ann")
    assert not a_member("ann").acts_for()
    assert not a_merchant("shop").acts_for(merchant=None, member=None)
    assert all(who.acts_for(merchant="anyone") for who in (a_viewer(), an_operator(), an_admin()))


def test_no_two_principals_have_one_identity() -> None:
    several = [
        an_admin(),
        Principal("ada", "operator"),
        Principal("ada", "merchant", "shop"),
        Principal("ada", "merchant", "shop", "ada"),
        Principal("ada", "merchant", "ada", "shop"),
        Principal("ada", "member", "shop", "ada"),
        Principal("ada", "member", member_id="ada"),
    ]
    assert len({who.identity for who in several}) == len(several)


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        ("", "Expecting value"),
        ("[]", "list indices"),
        ('{"keys": []}', "no Ed25519 or RSA key"),
        ('{"keys": [{"kty": "EC", "crv": "P-256", "kid": "a", "x": "AA", "y": "AA"}]}', "no Ed25519 or RSA key"),
        ('{"keys": [{"kty": "OKP", "crv": "Ed25519", "x": "AA"}]}', "no Ed25519 or RSA key"),
        ('{"keys": [{"kty": "oct", "kid": "a", "k": "c2VjcmV0"}]}', "private key"),
        ('{"keys": [{"kty": "OKP", "crv": "Ed25519", "kid": "a", "x": "AA", "d": "AA"}]}', "private key"),
        ('{"keys": [{"kty": "OKP", "crv": "Ed25519", "kid": "a", "x": "not a key"}]}', "jwks.json"),
        (json.dumps({"keys": [a_jwk(an_rsa_key(1024))]}), "fewer than 2048 bits"),
    ],
)
def test_an_unusable_keys_file_is_refused_at_start(keys: str, expected: str, tmp_path: Path) -> None:
    path = tmp_path / "jwks.json"
    path.write_text(keys)
    with pytest.raises(SettingsError, match=rf"LUTONG_AUTH_KEYS_FILE .*{expected}"):
        read_keys(path)
    with pytest.raises(SettingsError, match="No such file"):
        read_keys(tmp_path / "absent.json")


def test_of_the_keys_of_an_issuer_those_for_signatures_are_used(tmp_path: Path) -> None:
    ours = signer().jwks["keys"][0]
    others = [ours | {"kid": "enc", "use": "enc"}, ours | {"kid": "odd", "alg": "ES256"}, {"kty": "EC", "kid": "ec"}]
    (tmp_path / "jwks.json").write_text(json.dumps({"keys": [ours, *others]}))
    assert list(read_keys(tmp_path / "jwks.json")) == [signer().key_id]


def test_a_key_pair_is_for_its_owner_and_is_never_overwritten(tmp_path: Path) -> None:
    made = make_keys(tmp_path / "keys")
    pem = tmp_path / "keys" / "signing-key.pem"
    assert pem.stat().st_mode & 0o077 == 0
    assert read_key(pem).jwks == made.jwks == json.loads((tmp_path / "keys" / "jwks.json").read_text())
    with pytest.raises(FileExistsError):
        make_keys(tmp_path / "keys")
    assert isinstance(made.key, Ed25519PrivateKey)
    assert generate().key_id != made.key_id
