"""Who asks: a bearer token (JWT), verified against public keys of one file on this machine, or of the issuer's URL.

Nothing in a token is followed or looked up: its `kid` selects among the keys that are here, and the
key names the algorithm. The answer is the same whatever is wrong with a token.
"""

import hashlib
import json
import re
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Final, Literal, NoReturn, Protocol, get_args, runtime_checkable

import jwt
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from pydantic import BaseModel, ConfigDict, Field

from lutong_chassis.problem import Problem, not_found
from lutong_chassis.settings import Settings, SettingsError
from lutong_contracts.values import IDENTIFIER_PATTERN

Rank = Literal["viewer", "operator", "admin"]
"""Platform staff, each of whom may do what the one before may."""

Role = Literal[Rank, "merchant", "member"]

RANKS: Final[tuple[str, ...]] = get_args(Rank)
LEEWAY_S: Final = 30
"""How far our clock and the issuer's may differ."""

LIFE_MAX_S: Final = 86_400
"""How long a token may live: a token cannot be revoked, so a stolen one is good until it expires."""

_TOKEN_MAX: Final = 4096
_CACHE_MAX: Final = 4096
_RSA_BITS_MIN: Final = 2048
_ALGORITHMS: Final = {("OKP", "Ed25519"): "EdDSA", ("RSA", None): "RS256"}
_SUBJECT: Final = re.compile(r"[\x21-\x7e]{1,255}")
_BEARER: Final = re.compile(r"[Bb]earer ([\w-]+\.[\w-]+\.[\w-]+)", re.ASCII)
_TYPES: Final = frozenset({"at+jwt", "application/at+jwt"})
_LEADS_ELSEWHERE: Final = frozenset({"jku", "jwk", "x5u", "x5c", "crit", "b64", "zip"})
"""Header fields that would have us use another key, or read the token in another way."""


class UnauthenticatedError(Exception):
    """There is no token, or one that we do not accept. The reason is for the log: it quotes nothing."""


@dataclass(frozen=True, slots=True)
class Principal:
    """The caller. Staff has a rank and acts for nobody; all others act for a merchant, a member, or both."""

    subject: str
    role: Role
    merchant_id: str | None = None
    member_id: str | None = None
    issuer: str | None = field(default=None, compare=False)

    def __post_init__(self) -> None:
        if not _SUBJECT.fullmatch(self.subject):
            raise ValueError("a subject has 1 to 255 printable ASCII characters and no space")
        for name, value in (("merchant_id", self.merchant_id), ("member_id", self.member_id)):
            if value is not None and not re.fullmatch(IDENTIFIER_PATTERN, value):
                raise ValueError(f"{name} has letters, digits, dots, dashes and underscores, at most 64")
        if self.is_staff and (self.merchant_id or self.member_id):
            raise ValueError(f"{self.role} is staff: it carries no merchant_id or member_id")
        if self.role in {"merchant", "member"} and not getattr(self, f"{self.role}_id"):
            raise ValueError(f"{self.role} needs {self.role}_id")

    @property
    def is_staff(self) -> bool:
        """Whether this is staff of the platform."""
        return self.role in RANKS

    def acts_for(self, *, merchant: str | None = None, member: str | None = None) -> bool:
        """Whether what belongs to this merchant or to this member is theirs: either is enough.

        Staff acts for everybody: whether a rank may call a route at all was decided before.
        """
        return (
            self.is_staff
            or (merchant is not None and merchant == self.merchant_id)
            or (member is not None and member == self.member_id)
        )

    def require(self, *, merchant: str | None = None, member: str | None = None, hide: tuple[str, str]) -> None:
        """Raise 404 unless what belongs to this merchant or to this member is theirs; either is enough.

        `hide` is what the answer names as absent: (`"account"`, its id). A caller that may not see it learns no more.
        """
        if not self.acts_for(merchant=merchant, member=member):
            not_found(*hide)

    @property
    def identity(self) -> str:
        """Everything that this is, as one string; no two principals share it (subjects have no spaces)."""
        return f"{self.role} {self.subject} {self.merchant_id or '-'} {self.member_id or '-'}"

    @property
    def publisher(self) -> str:
        """Who stands behind the events of this principal, as one word: no two of any issuer share it.

        Two members under one `sub`, as a service that publishes for several has them, are two publishers.
        """
        whole = f"{self.issuer or '-'} {self.identity}"
        return f"{self.subject[:64]}~{hashlib.sha256(whole.encode()).hexdigest()[:32]}"


@runtime_checkable
class Rotating(Protocol):
    """Keys that change while the process runs."""

    async def follow(self, verifier: "Verifier") -> NoReturn:
        """Keep them as the issuer publishes them."""


class Verifier:
    """Turns `Authorization` headers into principals. Verified tokens are remembered until they expire."""

    def __init__(
        self,
        keys: Mapping[str, jwt.PyJWK],
        issuer: str,
        audience: str,
        clock: Callable[[], float] = time.time,
        life_max_s: float = LIFE_MAX_S,
    ) -> None:
        self.keys = keys
        self.issuer = issuer
        self.audience = audience
        self.clock = clock
        self.life_max_s = life_max_s
        self.verified: dict[bytes, tuple[Principal, float]] = {}

    def principal(self, authorization: Sequence[str]) -> Principal:
        """The principal of these headers; `UnauthenticatedError` when there is not exactly one good token.

        A 503 problem while the issuer's keys were never fetched: nobody's token is wrong.
        """
        if not self.keys and isinstance(self.keys, Rotating):  # in this order: each request comes by here
            raise Problem(503, "not_ready", "the keys of the issuer of tokens are not here yet", {"retry-after": "5"})
        if not authorization:
            raise UnauthenticatedError("no token")
        if len(authorization) > 1 or len(authorization[0]) > _TOKEN_MAX:
            raise UnauthenticatedError("several tokens, or a huge one")
        if not (found := _BEARER.fullmatch(authorization[0])):
            raise UnauthenticatedError("not a bearer token")
        token = found[1]
        name = hashlib.sha256(token.encode()).digest()
        known = self.verified.get(name)
        if known and self.clock() < known[1]:
            return known[0]
        try:
            principal, expires_at = self._verify(token)
        except UnauthenticatedError:
            raise
        except Exception as error:  # whatever a token does to a parser, it is the token that is refused
            raise UnauthenticatedError(type(error).__name__) from None
        self._remember(name, principal, expires_at)
        return principal

    def _verify(self, token: str) -> tuple[Principal, float]:
        header = jwt.get_unverified_header(token)
        if _LEADS_ELSEWHERE & header.keys():
            raise UnauthenticatedError("its header leads elsewhere")
        if str(header.get("typ", "")).lower() not in _TYPES:
            raise UnauthenticatedError("not an access token")
        key = self.keys.get(header["kid"])
        if key is None:
            raise UnauthenticatedError("unknown key")
        payload = jwt.decode(
            token,
            key,
            algorithms=[key.algorithm_name],
            audience=self.audience,
            issuer=self.issuer,
            leeway=LEEWAY_S,
            options={"require": ["iss", "aud", "exp", "nbf", "iat", "sub"]},
        )
        claims = _Claims.model_validate(payload)
        if claims.exp - claims.iat > self.life_max_s:
            raise UnauthenticatedError("it lives too long")
        return Principal(claims.sub, claims.role, claims.merchant_id, claims.member_id, self.issuer), claims.exp

    def _remember(self, name: bytes, principal: Principal, expires_at: float) -> None:
        self.verified.pop(name, None)
        while len(self.verified) >= _CACHE_MAX:
            del self.verified[next(iter(self.verified))]  # the oldest; its bearer is verified again
        self.verified[name] = principal, expires_at


class _Claims(BaseModel):
    """The claims of a token beyond the standard ones. Strict: "1" is not a number, 1 is not a name."""

    model_config = ConfigDict(strict=True)

    sub: str
    iat: Annotated[float, Field(allow_inf_nan=False)]
    exp: Annotated[float, Field(allow_inf_nan=False)]
    role: Role
    merchant_id: str | None = None
    member_id: str | None = None


def verifier_of(settings: Settings) -> Verifier | None:
    """What the settings ask for; None when everybody may do everything (`auth` is off)."""
    if settings.auth == "off":
        return None
    if settings.auth_issuer is None:  # refused by the settings themselves
        raise SettingsError("LUTONG_AUTH_ISSUER is needed")
    return Verifier(
        _keys_of(settings), settings.auth_issuer, settings.auth_audience, life_max_s=settings.auth_token_life_max_s
    )


def _keys_of(settings: Settings) -> Mapping[str, jwt.PyJWK]:
    """The keys of the issuer: those of its URL, or of a file."""
    if settings.auth_keys_url:
        from lutong_chassis.issuer_keys import IssuerKeys  # few need an HTTP client for this

        return IssuerKeys(settings.auth_keys_url, public_keys)
    if settings.auth_keys_file is None:  # refused by the settings themselves
        raise SettingsError("LUTONG_AUTH_KEYS_FILE is needed")
    return read_keys(settings.auth_keys_file)


def read_keys(path: Path) -> dict[str, jwt.PyJWK]:
    """The keys of a JWKS file by `kid`; `SettingsError` when there is none that we can use, or a private one."""
    try:
        return public_keys(json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, KeyError, TypeError, jwt.PyJWTError) as error:
        raise SettingsError(f"LUTONG_AUTH_KEYS_FILE {path}: {error or type(error).__name__}") from None


def public_keys(jwks: Mapping[str, Any]) -> dict[str, jwt.PyJWK]:
    """The keys of a JWKS document that sign in a way we accept."""
    if any("d" in key or "k" in key for key in jwks["keys"]):
        raise ValueError("it holds a private key, and services need public ones only")
    keys = {key["kid"]: _public_key(key) for key in jwks["keys"] if _is_for_us(key)}
    if not keys:
        raise ValueError("it has no Ed25519 or RSA key for signatures with a kid")
    return keys


def _is_for_us(key: Mapping[str, Any]) -> bool:
    """Whether we can use a key. An issuer's file may list others."""
    algorithm = _ALGORITHMS.get((key["kty"], key.get("crv")))
    if algorithm is None or not key.get("kid"):
        return False
    return bool(key.get("use", "sig") == "sig" and key.get("alg", algorithm) == algorithm)


def _public_key(key: Mapping[str, Any]) -> jwt.PyJWK:
    found = jwt.PyJWK(dict(key), _ALGORITHMS[key["kty"], key.get("crv")])
    if isinstance(found.key, RSAPublicKey) and found.key.key_size < _RSA_BITS_MIN:
        raise ValueError(f"key {key['kid']!r} has fewer than {_RSA_BITS_MIN} bits")
    return found
