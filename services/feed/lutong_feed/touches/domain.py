"""How a touch is signed, and when one that comes back is believed. Pure: no clock, no database, no ids made here."""

import base64
import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from lutong_contracts.touches import Placement, Served, read
from lutong_feed.domain import Refusal

CLICK_WINDOW: Final = timedelta(days=7)
"""For how long after an item was served, or tapped, an order may be credited to it."""

_MAC_BYTES: Final = 16

NEVER_SERVED: Final = Refusal(
    "never_served", "the feed did not serve this to this viewer: send the `touch` of its answer back as it was"
)


@dataclass(frozen=True, slots=True)
class Keys:
    """The secrets that touches are signed with, by number, and which one signs now."""

    secrets: Mapping[int, bytes]
    signs: int

    def sign(self, served: Served) -> str:
        """The touch of an item that is served now."""
        words = served._replace(key_number=self.signs).words
        return f"{words}~{_word(self.mac(self.signs, words.encode()))}"

    def mac(self, key_number: int, words: bytes) -> bytes:
        """16 bytes that only who has the key can make of these words; none for a key that is not there."""
        secret = self.secrets.get(key_number)
        return b"" if secret is None else hmac.digest(secret, words, hashlib.sha256)[:_MAC_BYTES]

    @staticmethod
    def agrees(mac: bytes, made: bytes) -> bool:
        """Whether a signature is the one that was made. None agrees with that of a key that is not there."""
        return bool(made) and hmac.compare_digest(mac, made)

    def _signed(self, touch: str, key_number: int) -> bool:
        words, _, mac = touch.rpartition("~")
        made = self.mac(key_number, words.encode())
        return self.agrees(mac.encode(), _word(made).encode() if made else b"")


def _word(mac: bytes) -> str:
    return base64.urlsafe_b64encode(mac).decode().rstrip("=")


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer of the feed: what signs the touches of its items. Without a viewer, as for staff, they have none."""

    keys: Keys
    request_id: str
    placement: Placement
    viewer_id: str | None
    served_at: datetime

    def touch(self, position: int, post_id: str, root_id: str, program_id: str | None) -> str | None:
        """The touch of the item at a position, from 0."""
        if self.viewer_id is None:
            return None
        served = Served(
            0, self.request_id, self.placement, position, post_id, root_id, program_id, self.viewer_id, self.served_at
        )
        return self.keys.sign(served)


@dataclass(frozen=True, slots=True)
class Check:
    """What touches that come back are compared with."""

    keys: Keys
    now: datetime
    late: timedelta
    """For how long after it was served an item may be reported on."""

    def verified(self, touch: str, viewer_id: str) -> Served | Refusal:
        """What was served, if it was, to this viewer, and not too long ago."""
        served = read(touch)
        if served is None or served.viewer_id != viewer_id or not self.keys._signed(touch, served.key_number):  # noqa: SLF001  # of this room
            return NEVER_SERVED
        if self.now - served.served_at > self.late:
            return Refusal("too_late", f"this was served more than {self.late.days} days ago: it counts no more")
        return served
