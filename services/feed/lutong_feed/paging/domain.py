"""Cursors: where a walk stands, and whether one that comes back is believed. Pure: no clock, no database, no ids made here."""

import base64
import binascii
import re
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from lutong_contracts.moments import moment_of
from lutong_feed.domain import Cursor, Refusal
from lutong_feed.touches.domain import Keys

LIFETIME: Final = timedelta(days=7)
"""For how long a walk may rest between two pages. What it was signed with is kept as long."""

BAD: Final = Refusal("bad_cursor", "the cursor is not one that this list gave to this reader: start again without one")
STALE: Final = Refusal("stale_cursor", f"the cursor is older than {LIFETIME.days} days: start again without one")

_VERSION: Final = 2
_PLACE: Final = struct.Struct(">BIqqq")
"""Version, number of the key, published at (microseconds), number of the post, signed at (microseconds)."""
_MAC_BYTES: Final = 16
_KEY: Final = struct.Struct(">I")
_WORD: Final = re.compile(rf"[A-Za-z0-9_\-]{{{(_PLACE.size + _MAC_BYTES) * 4 // 3}}}")
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class Walk:
    """A reader's walk down one list, now: signs where it stands, and reads that again."""

    keys: Keys
    reader: str
    """Who asks; no two readers share it."""
    listing: str
    """Which list: `timeline ann`."""
    now: datetime

    def word(self, cursor: Cursor) -> str:
        """A cursor as one word of 60 characters, good for this reader and this list."""
        place = _PLACE.pack(_VERSION, self.keys.signs, _us(cursor.published_at), cursor.number, _us(self.now))
        return base64.urlsafe_b64encode(place + self._mac(self.keys.signs, place)).decode()

    def place(self, word: str) -> Cursor | Refusal:
        """Where a word leads, if this list gave it to this reader; the plain cursors of the release before lead on, too."""
        if not _WORD.fullmatch(word):
            return plain(word) or BAD
        signed = base64.urlsafe_b64decode(word)
        place, mac = signed[: _PLACE.size], signed[_PLACE.size :]
        version, key_number, published_us, number, signed_us = _PLACE.unpack(place)
        if version != _VERSION:
            return plain(word) or BAD
        if not self.keys.agrees(mac, self._mac(key_number, place)):
            return BAD
        if _us(self.now) - signed_us > LIFETIME // _MICROSECOND:
            return STALE
        return Cursor(_EPOCH + published_us * _MICROSECOND, number)

    def signed(self, body: bytes) -> str:
        """Any bytes as one word, good for this reader and this list: their key's number, they, and the signature of both."""
        whole = _KEY.pack(self.keys.signs) + body
        return base64.urlsafe_b64encode(whole + self._mac(self.keys.signs, whole)).decode().rstrip("=")

    def believed(self, word: str) -> bytes | None:
        """The bytes of a word that this list signed for this reader; None of any other."""
        try:
            whole = base64.b64decode(word + "=" * (-len(word) % 4), altchars=b"-_", validate=True)
        except ValueError:  # what is no ASCII, and what is no Base64
            return None
        signed, mac = whole[:-_MAC_BYTES], whole[-_MAC_BYTES:]
        if len(signed) < _KEY.size or base64.urlsafe_b64encode(whole).decode().rstrip("=") != word:
            return None
        (key_number,) = _KEY.unpack(signed[: _KEY.size])
        return signed[_KEY.size :] if self.keys.agrees(mac, self._mac(key_number, signed)) else None

    def _mac(self, key_number: int, place: bytes) -> bytes:
        """Over the reader, the list and the place; the first word keeps it apart from what signs touches. Empty without that key."""
        words = f"cursor {len(self.reader)} {self.reader} {len(self.listing)} {self.listing} ".encode()
        return self.keys.mac(key_number, words + place)


def after(before: Cursor | None, moments: Sequence[datetime]) -> Cursor:
    """Where a page of moments ends, latest first, in a list without numbers: at its last moment, and how many of that were seen.

    >>> noon = datetime(2026, 1, 1, 12, tzinfo=UTC)
    >>> after(Cursor(noon, 1), [noon, noon]).number
    3
    """
    last = moments[-1]
    seen = before.number if before and before.published_at == last else 0
    return Cursor(last, seen + sum(moment == last for moment in moments))


def plain(word: str) -> Cursor | None:
    """A cursor of the release before, which signed none. It goes a release later: every list checks by itself who may read it."""
    try:
        moment, _, number = base64.urlsafe_b64decode(word + "=" * (-len(word) % 4)).decode().partition("|")
        cursor = Cursor(moment_of(moment), int(number))
    except (ValueError, binascii.Error):
        return None
    return cursor if 0 < cursor.number < 2**63 else None


def _us(moment: datetime) -> int:
    return (moment - _EPOCH) // _MICROSECOND
