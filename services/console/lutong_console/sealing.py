"""Encrypting a stream with a key of yours: AES-256-GCM in pieces, each bound to its place, the last one marked as such.

So a file that was cut short, or whose pieces were moved, is refused. A file begins with a random prefix of eight bytes.
"""

import hashlib
import hmac
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from lutong_console.cli.errors import USAGE, ConsoleError

_PIECE_BYTES: Final = 1 << 20
_TAG_BYTES: Final = 16
_PREFIX_BYTES: Final = 8


def read_key(file: Path) -> bytes:
    """A key of 64 hexadecimal digits in one line, as `openssl rand -hex 32` makes it."""
    try:
        text = file.read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise ConsoleError(f"{file}: {getattr(error, 'strerror', None) or 'it is no key'}", code=USAGE) from None
    if not re.fullmatch(r"[0-9a-fA-F]{64}", text):
        raise ConsoleError(f"{file} holds no key of 64 hexadecimal digits", then=f"openssl rand -hex 32 > {file}", code=USAGE)  # fmt: skip
    return bytes.fromhex(text)


def fingerprint(key: bytes) -> str:
    """What distinguishes a key from others, and does not reveal it."""
    return hmac.digest(key, b"lutong backup", hashlib.sha256).hex()[:16]


def seal(key: bytes, source: IO[bytes], target: IO[bytes]) -> None:
    """Encrypt a stream to its end."""
    cipher, prefix = AESGCM(key), os.urandom(_PREFIX_BYTES)
    target.write(prefix)
    piece = source.read(_PIECE_BYTES)
    for number in range(2**32):
        following = source.read(_PIECE_BYTES)
        last = not following
        target.write(cipher.encrypt(_nonce(prefix, number), piece, _mark(last=last)))
        if last:
            return
        piece = following
    raise ConsoleError("the dump has more than four million pieces: it is too long for one key")


def opened(key: bytes, source: IO[bytes]) -> Iterator[bytes]:
    """The pieces of an encrypted stream. Raises ConsoleError where it is not whole, or the key is another."""
    cipher, prefix = AESGCM(key), source.read(_PREFIX_BYTES)
    piece = source.read(_PIECE_BYTES + _TAG_BYTES)
    for number in range(2**32):
        following = source.read(_PIECE_BYTES + _TAG_BYTES)
        try:
            yield cipher.decrypt(_nonce(prefix, number), piece, _mark(last=not following))
        except (InvalidTag, ValueError):
            raise ConsoleError(
                "the dump cannot be decrypted: it was cut short or changed, or the key is another"
            ) from None
        if not following:
            return
        piece = following


def _nonce(prefix: bytes, number: int) -> bytes:
    return prefix + number.to_bytes(4, "big")


def _mark(*, last: bool) -> bytes:
    return b"last" if last else b"more"
