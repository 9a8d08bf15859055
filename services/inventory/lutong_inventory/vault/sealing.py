"""Sealing with AES-256-GCM, and the master keys that the keys of members are sealed with. Pure: randomness is given.

What is sealed is bound to what it is of: an address that is moved to another id or member cannot be opened.
"""

import hashlib
import hmac
from typing import Final, NamedTuple

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

KEY_BYTES: Final = 32
NONCE_BYTES: Final = 12


class Master(NamedTuple):
    """A key that keys are sealed with, and what it is called in the database: a name that does not reveal it."""

    name: str
    key: bytes

    @classmethod
    def of(cls, hexadecimal: str) -> "Master":
        """The master key of 64 hexadecimal digits.

        >>> Master.of("00" * 32).name
        'd4b3f5dd7ae2c7bd'
        """
        key = bytes.fromhex(hexadecimal)
        return cls(hmac.digest(key, b"lutong vault", hashlib.sha256).hex()[:16], key)


class Masters(NamedTuple):
    """The master key that is in use, and the one before it while keys are sealed anew. None of both: the vault is closed."""

    current: Master | None
    before: Master | None = None

    def named(self, name: str) -> Master | None:
        """The one with this name."""
        return next((each for each in self if each and each.name == name), None)


class MemberKey(NamedTuple):
    """The key of a member as it is kept: sealed with the master key of that name."""

    member_id: str
    master: str
    wrapped: bytes


def seal(key: bytes, plain: bytes, nonce: bytes, bound_to: str) -> bytes:
    """Seal bytes. A nonce is used once with a key: twelve random bytes."""
    return nonce + AESGCM(key).encrypt(nonce, plain, bound_to.encode())


def unseal(key: bytes, sealed: bytes, bound_to: str) -> bytes | None:
    """What was sealed; None when it was changed, moved, or sealed with another key.

    >>> sealed = seal(bytes(32), b"here", bytes(12), "a-1")
    >>> unseal(bytes(32), sealed, "a-1"), unseal(bytes(32), sealed, "a-2")
    (b'here', None)
    """
    try:
        return AESGCM(key).decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], bound_to.encode())
    except InvalidTag:
        return None


def wrap(master: Master, key: bytes, nonce: bytes, member_id: str) -> MemberKey:
    """The key of a member as it is kept."""
    return MemberKey(member_id, master.name, seal(master.key, key, nonce, member_id))


def unwrap(masters: Masters, kept: MemberKey) -> bytes | None:
    """The key of a member; None when its master key is not here."""
    master = masters.named(kept.master)
    return unseal(master.key, kept.wrapped, kept.member_id) if master else None
