"""A backup that was encrypted comes back with its key alone, and whole or not at all."""

import io
from pathlib import Path

import pytest

from lutong_console import sealing
from lutong_console.cli.errors import ConsoleError

KEY, OTHER = bytes(range(32)), bytes(range(1, 33))
PIECE = 1 << 20


def sealed(text: bytes, key: bytes = KEY) -> bytes:
    target = io.BytesIO()
    sealing.seal(key, io.BytesIO(text), target)
    return target.getvalue()


def opened(text: bytes, key: bytes = KEY) -> bytes:
    return b"".join(sealing.opened(key, io.BytesIO(text)))


@pytest.mark.parametrize("length", [0, 1, PIECE - 1, PIECE, PIECE + 1, 3 * PIECE])
def test_what_was_sealed_is_opened_as_it_was(length: int) -> None:
    text = b"x" * length
    assert opened(sealed(text)) == text
    assert length < 64 or text[:64] not in sealed(text)  # a byte or two are in there by chance


@pytest.mark.parametrize(
    "change",
    [
        lambda text: text[:-1],
        lambda text: text[: 8 + PIECE + 16],
        lambda text: text[:8] + text[8 + PIECE + 16 :],
        lambda text: text[:50] + bytes([text[50] ^ 1]) + text[51:],
        lambda text: text + b"x",
        lambda _text: b"",
    ],
)
def test_what_was_cut_moved_or_changed_is_refused(change: "object") -> None:
    with pytest.raises(ConsoleError, match="cut short or changed"):
        opened(change(sealed(b"x" * (2 * PIECE + 5))))  # type: ignore[operator]  # a function of bytes


def test_another_key_opens_nothing() -> None:
    with pytest.raises(ConsoleError, match="the key is another"):
        opened(sealed(b"secret"), OTHER)
    assert sealing.fingerprint(KEY) != sealing.fingerprint(OTHER)


def test_a_file_that_holds_no_key_is_named(tmp_path: Path) -> None:
    file = tmp_path / "key"
    file.write_text("too short")
    with pytest.raises(ConsoleError, match="holds no key of 64") as refused:
        sealing.read_key(file)
    assert refused.value.then == f"openssl rand -hex 32 > {file}"
