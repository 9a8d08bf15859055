"""Signing in at an issuer: OpenID Connect, authorization code with PKCE; keys by URL, fetched again when they rotate.

Sources: OpenID Connect Core 1.0 and Discovery 1.0; RFC 7636 (PKCE); RFC 9700, the security of OAuth 2.0.
"""

import base64
import hashlib
import hmac
import secrets
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple
from urllib.parse import urlencode, urlsplit

import httpx
import jwt

from lutong_chassis.auth import Principal

PENDING_LIFETIME_S: Final = 600
_PENDING_MAX: Final = 1_000
_KEYS_LIFETIME_S: Final = 3_600.0
_KEYS_PAUSE_S: Final = 10.0
"""How long after keys were fetched an unknown one has them fetched again: nobody makes us ask all the time."""
_LEEWAY_S: Final = 30
_ALGORITHMS: Final = ("RS256", "ES256", "EdDSA")
_ROLES: Final = ("viewer", "operator", "admin", "merchant")
_LOOPBACK: Final = ("127.0.0.1", "localhost", "::1")


class SignInError(Exception):
    """A person is not let in. The message is for the person, and quotes nothing that was sent."""


@dataclass(frozen=True, slots=True)
class Issuer:
    """Who vouches for people. The claims `lutong_role` and `merchant_id` of its ID token state what a person may do."""

    url: str
    client_id: str
    redirect_uri: str
    client_secret: str = field(default="", repr=False)
    role_claim: str = "lutong_role"
    merchant_claim: str = "merchant_id"


class _Pending(NamedTuple):
    """A sign-in that was begun: what has to come back."""

    nonce: str
    verifier: str
    ends_at_s: float


class Begun(NamedTuple):
    """Where the browser goes, and the state that it has to bring back in a cookie as well."""

    url: str
    state: str


@dataclass(slots=True)
class OpenId:
    """Sign-ins at one issuer. `client` makes the client that asks it; `clock` is monotonic."""

    issuer: Issuer
    client: Callable[[], httpx.AsyncClient] = lambda: httpx.AsyncClient(timeout=10)
    clock: Callable[[], float] = time.monotonic
    _pending: dict[str, _Pending] = field(default_factory=dict, repr=False)
    _document: dict[str, Any] = field(default_factory=dict, repr=False)
    _keys: dict[str, jwt.PyJWK] = field(default_factory=dict, repr=False)
    _fetched_at_s: float = -_KEYS_LIFETIME_S

    async def begin(self) -> Begun:
        """Begin a sign-in, good for ten minutes and once."""
        state, nonce, verifier = (secrets.token_urlsafe(32) for _ in range(3))
        now = self.clock()
        going_on = {each: kept for each, kept in self._pending.items() if kept.ends_at_s > now}
        self._pending = dict(list(going_on.items())[1 - _PENDING_MAX :])
        self._pending[state] = _Pending(nonce, verifier, now + PENDING_LIFETIME_S)
        challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
        query = {
            "response_type": "code",
            "client_id": self.issuer.client_id,
            "redirect_uri": self.issuer.redirect_uri,
            "scope": "openid",
            "state": state,
            "nonce": nonce,
            "code_challenge": challenge,
            "code_challenge_method": "S256",
        }
        endpoint = (await self._discovered())["authorization_endpoint"]
        return Begun(f"{endpoint}{'&' if urlsplit(endpoint).query else '?'}{urlencode(query)}", state)

    async def finish(self, state: str, code: str, cookie: str) -> Principal:
        """The person who came back with a code. Raises SignInError for a person who did not begin here, in this browser."""
        pending = self._pending.pop(state, None)
        is_same_browser = hmac.compare_digest(state.encode(), cookie.encode())
        if pending is None or pending.ends_at_s <= self.clock() or not is_same_browser:
            raise SignInError("this sign-in was used, is older than ten minutes, or began in another browser")
        claims = await self._verified(await self._redeem(code, pending.verifier))
        if not hmac.compare_digest(str(claims.get("nonce", "")).encode(), pending.nonce.encode()):
            raise SignInError("the issuer answered another sign-in: try again")
        return person_of(claims, self.issuer)

    async def _redeem(self, code: str, verifier: str) -> str:
        """The ID token for a code."""
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": self.issuer.redirect_uri,
            "client_id": self.issuer.client_id,
            "code_verifier": verifier,
        }
        if self.issuer.client_secret:
            form["client_secret"] = self.issuer.client_secret
        answer = await self._ask("POST", (await self._discovered())["token_endpoint"], data=form)
        return str(answer.get("id_token", ""))

    async def _verified(self, token: str) -> Mapping[str, Any]:
        """The claims of an ID token that this issuer signed for us."""
        try:
            kid = str(jwt.get_unverified_header(token).get("kid", ""))
            key = await self._key(kid)
            return jwt.decode(
                token,
                key,
                algorithms=[each for each in _ALGORITHMS if each == key.algorithm_name],
                audience=self.issuer.client_id,
                issuer=self.issuer.url,
                leeway=_LEEWAY_S,
                options={"require": ["exp", "iat", "iss", "aud", "sub", "nonce"]},
            )
        except jwt.PyJWTError as error:
            raise SignInError(f"the issuer's token is not accepted ({type(error).__name__})") from None

    async def _key(self, kid: str) -> jwt.PyJWK:
        """The key of a name; all are fetched anew when it is not known, or when they are old."""
        age_s = self.clock() - self._fetched_at_s
        if age_s >= _KEYS_LIFETIME_S or (kid not in self._keys and age_s >= _KEYS_PAUSE_S):
            document = await self._ask("GET", (await self._discovered())["jwks_uri"])
            keys = jwt.PyJWKSet.from_dict(document).keys
            self._keys = {str(key.key_id): key for key in keys if key.key_id and key.algorithm_name in _ALGORITHMS}
            self._fetched_at_s = self.clock()
        if kid not in self._keys:
            raise jwt.InvalidKeyError
        return self._keys[kid]

    async def _discovered(self) -> dict[str, Any]:
        """What the issuer publishes of itself; it must be this issuer, and each address one that nobody can listen to."""
        if not self._document:
            document = await self._ask("GET", f"{self.issuer.url.rstrip('/')}/.well-known/openid-configuration")
            if document.get("issuer") != self.issuer.url:
                raise SignInError("the issuer calls itself by another name than the console knows it by")
            self._document = document
        return self._document

    async def _ask(self, method: str, url: str, **arguments: Any) -> dict[str, Any]:
        parts = urlsplit(url)
        if parts.scheme != "https" and parts.hostname not in _LOOPBACK:
            raise SignInError("the issuer must be asked over https")
        try:
            async with self.client() as client:
                answer = await client.request(method, url, **arguments)
                found: dict[str, Any] = answer.raise_for_status().json()
        except (httpx.HTTPError, ValueError) as error:
            raise SignInError(f"the issuer does not answer as it should ({type(error).__name__})") from None
        return found


def person_of(claims: Mapping[str, Any], issuer: Issuer) -> Principal:
    """Who a person is here, by the claims of their token. Pure. Raises SignInError for a person who is nobody here."""
    role, merchant = claims.get(issuer.role_claim), claims.get(issuer.merchant_claim)
    if role not in _ROLES:
        raise SignInError("your account has no role in this console: ask its administrator")
    try:
        return Principal(
            str(claims["sub"]), role, merchant_id=str(merchant) if role == "merchant" and merchant else None
        )
    except ValueError:
        raise SignInError("your account has no role in this console: ask its administrator") from None
