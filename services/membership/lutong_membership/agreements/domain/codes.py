"""A code by which a member confirms that a right is used: shown once, kept as a hash, used once, guessed a few times. Pure."""

import hashlib
import hmac
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from lutong_membership.values import Refusal

CODE_LIFE: Final = timedelta(minutes=5)
GUESSES_MAX: Final = 5
ALPHABET: Final = "ABCDEFGHJKMNPQRSTVWXYZ23456789"
"""Letters and digits that nobody takes for one another."""

CODE_LENGTH: Final = 10


@dataclass(frozen=True, slots=True)
class Code:
    """The one code of a right of an agreement. A new one replaces it."""

    agreement_id: str
    right_id: str
    salt: bytes
    digest: bytes
    expires_at: datetime
    tries_left: int = GUESSES_MAX
    used_at: datetime | None = None


def digest(salt: bytes, code: str) -> bytes:
    """What is kept of a code."""
    return hashlib.sha256(salt + code.encode()).digest()


def made(agreement_id: str, right_id: str, randomness: bytes, now: datetime) -> tuple[str, Code]:
    """A fresh code and what is kept of it, out of 16 random bytes of salt and one for each character."""
    salt, rest = randomness[:16], int.from_bytes(randomness[16:])
    characters = []
    for _ in range(CODE_LENGTH):
        rest, place = divmod(rest, len(ALPHABET))
        characters.append(ALPHABET[place])
    code = "".join(characters)
    return code, Code(agreement_id, right_id, salt, digest(salt, code), now + CODE_LIFE)


def shown(code: Code | None, given: str | None, now: datetime) -> tuple[Code | None, Refusal | None]:
    """The code as it is after somebody showed one, to be kept either way, and why it confirms nothing."""
    refusal = Refusal(
        "not_confirmed", "the member has to confirm this: ask them for a code, which works once and for five minutes"
    )
    if code is None or given is None or code.used_at or code.expires_at <= now or not code.tries_left:
        return None, refusal
    if not hmac.compare_digest(code.digest, digest(code.salt, given)):
        return replace(code, tries_left=code.tries_left - 1), refusal
    return replace(code, used_at=now), None
