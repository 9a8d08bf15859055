"""Tokens for development and tests: a key pair, its public half as a JWKS, and tokens signed by it.

A service never signs. In production tokens come from an issuer of yours; see docs/security.md.
"""

import hashlib
import json
import os
import time
from base64 import urlsafe_b64encode
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import jwt
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)

from lutong_chassis.auth import Principal

ISSUER: Final = "urn:lutong:development"
AUDIENCE: Final = "lutong"


@dataclass(frozen=True, slots=True)
class Signer:
    """Signs tokens with an Ed25519 key."""

    key: Ed25519PrivateKey
    issuer: str = ISSUER
    audience: str = AUDIENCE

    @property
    def key_id(self) -> str:
        """The thumbprint of the public key (RFC 7638): the same key always has the same name."""
        members = {"crv": "Ed25519", "kty": "OKP", "x": self._x}
        return _base64url(hashlib.sha256(json.dumps(members, separators=(",", ":")).encode()).digest())

    @property
    def jwks(self) -> dict[str, Any]:
        """The public half, as services read it."""
        key = {"kty": "OKP", "crv": "Ed25519", "alg": "EdDSA", "use": "sig", "kid": self.key_id, "x": self._x}
        return {"keys": [key]}

    @property
    def pem(self) -> bytes:
        """The private half, as it is kept in a file."""
        return self.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())

    @property
    def _x(self) -> str:
        return _base64url(self.key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw))

    def token(self, who: Principal, lifetime_s: int = 600) -> str:
        """A token that names a principal, valid from now on for a while."""
        now = int(time.time())
        claims = {"iss": self.issuer, "aud": self.audience, "iat": now, "nbf": now, "exp": now + lifetime_s}
        ids = {"merchant_id": who.merchant_id, "member_id": who.member_id}
        claims |= {"sub": who.subject, "role": who.role} | {name: value for name, value in ids.items() if value}
        return jwt.encode(claims, self.key, "EdDSA", {"typ": "at+jwt", "kid": self.key_id})


def generate() -> Signer:
    """A signer with a key of its own."""
    return Signer(Ed25519PrivateKey.generate())


def make_keys(directory: Path) -> Signer:
    """A key pair in a directory: `signing-key.pem` for its owner's eyes only, `jwks.json` for services."""
    signer = generate()
    directory.mkdir(parents=True, exist_ok=True, mode=0o700)
    with os.fdopen(os.open(directory / "signing-key.pem", os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(signer.pem)
    (directory / "jwks.json").write_text(json.dumps(signer.jwks, indent=2), encoding="utf-8")
    return signer


def read_key(path: Path, issuer: str = ISSUER, audience: str = AUDIENCE) -> Signer:
    """The signer of a PEM file; `ValueError` when it holds no Ed25519 key, `OSError` when it cannot be read."""
    key = load_pem_private_key(path.read_bytes(), password=None)
    if not isinstance(key, Ed25519PrivateKey):
        raise ValueError(f"{path} holds no Ed25519 key")  # noqa: TRY004  # the file is wrong, not the caller
    return Signer(key, issuer, audience)


def _base64url(data: bytes) -> str:
    return urlsafe_b64encode(data).rstrip(b"=").decode()
