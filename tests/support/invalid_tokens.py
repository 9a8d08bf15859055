"""Tokens that must not be believed, by what is wrong with them. Their maker knows our public key, and no more.

Some are signed by the issuer itself: a token may be genuine and still not be one for us.
"""

import json
import time
from base64 import urlsafe_b64encode
from collections.abc import Mapping
from typing import Any, Final

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from lutong_chassis.tokens import AUDIENCE, ISSUER, Signer, generate

ABSENT: Final = object()
HOUR: Final = 3600

WRONG_CLAIMS: Final[dict[str, Mapping[str, object]]] = {
    "another audience": {"aud": "billing"},
    "no audience": {"aud": ABSENT},
    "a list of other audiences": {"aud": ["billing", "lutong-staging"]},
    "an audience that begins like ours": {"aud": f"{AUDIENCE}-evil"},
    "another issuer": {"iss": "https://evil.example"},
    "no issuer": {"iss": ABSENT},
    "a list of issuers": {"iss": [ISSUER]},
    "expired, beyond any skew": {"exp": -60},
    "no expiry": {"exp": ABSENT},
    "an expiry in words": {"exp": "9999999999"},
    "an expiry that is true": {"exp": True},
    "an endless expiry": {"exp": float("inf")},
    "an expiry beyond all time": {"exp": 1e300},
    "a life of a year": {"exp": 365 * 24 * HOUR},
    "not before an hour from now": {"nbf": HOUR},
    "no beginning": {"nbf": ABSENT},
    "issued in an hour": {"iat": HOUR},
    "never issued": {"iat": ABSENT},
    "no subject": {"sub": ABSENT},
    "an empty subject": {"sub": ""},
    "a subject that is a number": {"sub": 7},
    "a subject of two lines": {"sub": "olga\nada"},
    "a subject with a space": {"sub": "olga admin"},
    "a subject without end": {"sub": "o" * 256},
    "no role": {"role": ABSENT},
    "a role that is not known": {"role": "root"},
    "a role in capitals": {"role": "Admin"},
    "a list of roles": {"role": ["admin"]},
    "a merchant of nothing": {"role": "merchant"},
    "a member of nothing": {"role": "member"},
    "staff that acts for a merchant": {"merchant_id": "shop"},
    "staff that acts for a member": {"role": "viewer", "member_id": "ann"},
    "a merchant with SQL in its name": {"role": "merchant", "merchant_id": "shop' OR 'a'='a"},
    "a merchant with a line end": {"role": "merchant", "merchant_id": "shop\n"},
    "a list of merchants": {"role": "merchant", "merchant_id": ["shop", "rival"]},
    "a member that is a number": {"role": "member", "member_id": 7},
}

WRONG_HEADERS: Final[dict[str, Mapping[str, object]]] = {
    "an ID token": {"typ": "JWT"},
    "no type": {"typ": ABSENT},
    "a logout token": {"typ": "logout+jwt"},
    "no key": {"kid": ABSENT},
    "an unknown key": {"kid": "another"},
    "a key that is a path": {"kid": "../../../../dev/null"},
    "a key that is SQL": {"kid": "x' UNION SELECT 'secret'--"},
    "an empty key": {"kid": ""},
    "a key elsewhere (jku)": {"jku": "https://evil.example/jwks.json"},
    "a certificate elsewhere (x5u)": {"x5u": "https://evil.example/chain.pem"},
    "a certificate in the header (x5c)": {"x5c": ["MII"]},
    "an extension that is critical": {"crit": ["b64"], "b64": True},
    "a compressed payload": {"zip": "DEF"},
}


def claims(changes: Mapping[str, object]) -> dict[str, object]:
    """Claims of an admin, some of them changed. Times are seconds from now."""
    now = int(time.time())
    good: dict[str, object] = {"iss": ISSUER, "aud": AUDIENCE, "sub": "ada", "role": "admin"}
    good |= {"iat": now, "nbf": now, "exp": now + HOUR}
    moved = {
        name: now + value if name in {"iat", "nbf", "exp"} and type(value) is int else value
        for name, value in changes.items()
    }
    return {name: value for name, value in (good | moved).items() if value is not ABSENT}


def signed(
    signer: Signer, changes: Mapping[str, object] | None = None, header: Mapping[str, object] | None = None
) -> str:
    """A token of the issuer's own key: as it should be, but for what is changed. Written by hand, as a forger would."""
    fields = {"alg": "EdDSA", "typ": "at+jwt", "kid": signer.key_id} | dict(header or {})
    signing_input = f"{_part({k: v for k, v in fields.items() if v is not ABSENT})}.{_part(claims(changes or {}))}"
    return f"{signing_input}.{_base64url(signer.key.sign(signing_input.encode()))}"


def invalid_tokens(signer: Signer) -> dict[str, str]:
    """`Authorization` headers by what is wrong with them."""
    found = {name: signed(signer, changes) for name, changes in WRONG_CLAIMS.items()}
    found |= {name: signed(signer, header=header) for name, header in WRONG_HEADERS.items()}
    found |= _by_other_keys(signer) | _without_a_key(signer) | _mangled(signer)
    return {name: f"Bearer {token}" for name, token in found.items()} | _schemes(signer)


def _by_other_keys(signer: Signer) -> dict[str, str]:
    ours = {"typ": "at+jwt", "kid": signer.key_id}
    other = generate()
    public = signer.key.public_key()
    pem = public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    raw = public.public_bytes(Encoding.Raw, PublicFormat.Raw)
    any_rsa = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    return {
        "another key under our name": jwt.encode(claims({}), other.key, "EdDSA", ours),
        "another key under its own name": jwt.encode(claims({}), other.key, "EdDSA", ours | {"kid": other.key_id}),
        "another key, said to be elsewhere": jwt.encode(
            claims({}), other.key, "EdDSA", ours | {"kid": other.key_id, "jku": "https://evil.example/jwks.json"}
        ),
        "another key, brought along": jwt.encode(claims({}), other.key, "EdDSA", ours | {"jwk": other.jwks["keys"][0]}),
        "RS256 under our name": jwt.encode(claims({}), any_rsa, "RS256", ours),
        "PS256 under our name": jwt.encode(claims({}), any_rsa, "PS256", ours),
        "ES256 under our name": jwt.encode(claims({}), ec.generate_private_key(ec.SECP256R1()), "ES256", ours),
        "HS256 with the public key as PEM": _hmac(ours, pem),
        "HS256 with the public key as bytes": _hmac(ours, raw),
        "HS256 with the public key as JWKS": _hmac(ours, json.dumps(signer.jwks).encode()),
        "HS256 with the empty secret of /dev/null": _hmac(ours | {"kid": "/dev/null"}, b""),
    }


def _hmac(header: Mapping[str, str], secret: bytes) -> str:
    from hashlib import sha256
    from hmac import digest

    signing_input = f"{_part({'alg': 'HS256', **header})}.{_part(claims({}))}"
    return f"{signing_input}.{_base64url(digest(secret, signing_input.encode(), sha256))}"


def _without_a_key(signer: Signer) -> dict[str, str]:
    payload = _part(claims({}))
    fields = {"typ": "at+jwt", "kid": signer.key_id}
    return {
        "no algorithm, no signature": f"{_part({'alg': 'none', **fields})}.{payload}.",
        "no algorithm, some signature": f"{_part({'alg': 'none', **fields})}.{payload}.c2ln",
        "no algorithm in mixed case": f"{_part({'alg': 'nOnE', **fields})}.{payload}.c2ln",
        "nothing said of an algorithm": f"{_part(fields)}.{payload}.c2ln",
        "a list of algorithms": f"{_part({'alg': ['EdDSA'], **fields})}.{payload}.c2ln",
        "a header of a thousand brackets": f"{_base64url(b'[' * 1400)}.{payload}.c2ln",
        "a header that is a list": f"{_part(['EdDSA'])}.{payload}.c2ln",
        "a header that is not JSON": f"{_base64url(b'alg=EdDSA')}.{payload}.c2ln",
        "a key that is a list": f"{_part({'alg': 'EdDSA', 'typ': 'at+jwt', 'kid': [signer.key_id]})}.{payload}.c2ln",
        "a type that is a number": f"{_part({'alg': 'EdDSA', 'typ': 7, 'kid': signer.key_id})}.{payload}.c2ln",
    }


def _mangled(signer: Signer) -> dict[str, str]:
    good = signed(signer)
    header, payload, signature = good.split(".")
    promoted = signed(signer, {"role": "viewer"}).split(".")
    return {
        "a signature cut short": good[:-6],
        "a payload cut short": f"{header}.{payload[:-4]}.{signature}",
        "no signature": f"{header}.{payload}",
        "two dots too many": f"{good}.{payload}.{signature}",
        "another's payload": f"{promoted[0]}.{payload}.{promoted[2]}",
        "padding": f"{good}==",
        "a space inside": f"{header}. {payload}.{signature}",
        "letters that are no base64url": f"{header}.{payload}.{signature[:-1]}/",
        "as long as a book": signed(signer, {"nonce": "n" * 8000}),
    }


def _schemes(signer: Signer) -> dict[str, str]:
    good = signed(signer)
    return {
        "nothing": "",
        "a scheme without a token": "Bearer",
        "a token without a scheme": good,
        "another scheme": f"Token {good}",
        "a name and a password": "Basic YWRhOmFkYQ==",
        "two tokens in one header": f"Bearer {good}, Bearer {good}",
        "something behind the token": f"Bearer {good} admin",
    }


def _part(content: Any) -> str:  # noqa: ANN401  # whatever a forger writes
    return _base64url(json.dumps(content).encode())


def _base64url(data: bytes) -> str:
    return urlsafe_b64encode(data).rstrip(b"=").decode()
