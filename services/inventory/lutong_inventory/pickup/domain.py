"""A code for picking an order up: shown once, kept as a hash, used once, guessed ten times. Pure: no clock, no randomness."""

import hashlib
import hmac
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final, NamedTuple

from lutong_inventory.refusal import Refusal

GUESSES_MAX: Final = 10
CODE_LENGTH: Final = 8
RANDOM_BYTES: Final = 16 + 32
ALPHABET: Final = "ABCDEFGHJKMNPQRSTVWXYZ23456789"
"""Letters and digits that cannot be mistaken for one another: codes are read out over a counter."""


class IssueCode(NamedTuple):
    """The member of an order wants the code for it, made of these random bytes."""

    order_id: str
    randomness: bytes


class CollectOrder(NamedTuple):
    """Staff of a location hands an order over to the person who showed a code."""

    order_id: str
    location_id: str
    code: str


@dataclass(frozen=True, slots=True)
class PickupCode:
    """The one code of an order. A new one replaces it, but guesses are counted over all of them."""

    order_id: str
    salt: bytes
    digest: bytes
    expires_at: datetime
    tries_left: int = GUESSES_MAX
    used_at: datetime | None = None


class FreshCode(NamedTuple):
    """A code in clear, to be shown once, and what is kept of it."""

    text: str
    kept: PickupCode


class CheckedCode(NamedTuple):
    """A code after one was given: `kept` is to be saved when it changed, `refusal` is why it hands nothing over."""

    kept: PickupCode | None
    refusal: Refusal | None


def digest(salt: bytes, code: str) -> bytes:
    """What is kept of a code."""
    return hashlib.sha256(salt + code.encode()).digest()


def made(known: PickupCode | None, order_id: str, randomness: bytes, expires_at: datetime) -> FreshCode | Refusal:
    """A fresh code, out of 16 random bytes of salt and 32 for its characters; none for an order whose code is locked."""
    if known and not known.tries_left:
        return Refusal("locked", "too many wrong codes were tried: an operator has to look at this")
    salt, rest = randomness[:16], int.from_bytes(randomness[16:])
    characters = []
    for _ in range(CODE_LENGTH):
        rest, place = divmod(rest, len(ALPHABET))
        characters.append(ALPHABET[place])
    code = "".join(characters)
    tries_left = known.tries_left if known else GUESSES_MAX
    return FreshCode(code, PickupCode(order_id, salt, digest(salt, code), expires_at, tries_left))


def shown(code: PickupCode | None, given: str, now: datetime) -> CheckedCode:
    """Compare a code that was given with the one that is kept. A wrong guess is counted; ten of them lock the code."""
    wrong = Refusal("wrong_code", "that is not the code of this order: ask the member for a new one")
    if code is not None and not code.tries_left:
        return CheckedCode(None, Refusal("locked", "too many wrong codes were tried: an operator has to look at this"))
    if code is None or code.used_at or code.expires_at <= now:
        return CheckedCode(None, wrong)
    if not hmac.compare_digest(code.digest, digest(code.salt, given)):
        return CheckedCode(replace(code, tries_left=code.tries_left - 1), wrong)
    return CheckedCode(replace(code, used_at=now), None)
