"""A code by which a member confirms that a right is used: shown once, kept as a hash, used once, guessed a few times. Pure."""

import hashlib
import hmac
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final, NamedTuple

from lutong_membership.plans.domain.terms import Plan
from lutong_membership.values import Refusal

CODE_LIFE: Final = timedelta(minutes=5)
GUESSES_MAX: Final = 5
ALPHABET: Final = "ABCDEFGHJKMNPQRSTVWXYZ23456789"
"""Letters and digits that cannot be mistaken for one another."""

CODE_LENGTH: Final = 10


class IssueCode(NamedTuple):
    """A member wants a code for a right, made of these random bytes."""

    agreement_id: str
    right_id: str
    randomness: bytes


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


def why_no_code(plan: Plan, right_id: str) -> Refusal | None:
    """Why there is no code for this right: the plan does not give it."""
    if any(right.right_id == right_id for right in plan.terms.benefits.rights):
        return None
    return Refusal("no_right", f"the plan gives no right {right_id!r}")


def digest(salt: bytes, code: str) -> bytes:
    """What is kept of a code."""
    return hashlib.sha256(salt + code.encode()).digest()


class FreshCode(NamedTuple):
    """A code in clear, to be shown once, and what is kept of it."""

    text: str
    kept: Code


class CheckedCode(NamedTuple):
    """A code after one was given: `kept` is to be saved when it changed, `refusal` is why it confirms nothing."""

    kept: Code | None
    refusal: Refusal | None


def made(agreement_id: str, right_id: str, randomness: bytes, now: datetime) -> FreshCode:
    """A fresh code, out of 16 random bytes of salt and 32 for its characters."""
    salt, rest = randomness[:16], int.from_bytes(randomness[16:])
    characters = []
    for _ in range(CODE_LENGTH):
        rest, place = divmod(rest, len(ALPHABET))
        characters.append(ALPHABET[place])
    code = "".join(characters)
    return FreshCode(code, Code(agreement_id, right_id, salt, digest(salt, code), now + CODE_LIFE))


def shown(code: Code | None, given: str | None, now: datetime) -> CheckedCode:
    """Compare a code that was given with the one that is kept. A wrong guess is counted."""
    refusal = Refusal(
        "not_confirmed", "the member has to confirm this: ask them for a code, which works once and for five minutes"
    )
    if code is None or given is None or code.used_at or code.expires_at <= now or not code.tries_left:
        return CheckedCode(None, refusal)
    if not hmac.compare_digest(code.digest, digest(code.salt, given)):
        return CheckedCode(replace(code, tries_left=code.tries_left - 1), refusal)
    return CheckedCode(replace(code, used_at=now), None)
