"""What a shell tells the command line is read at once: what makes no sense is usage, and says which variable."""

from pathlib import Path

import httpx
import pytest

from lutong_chassis.auth import Principal
from lutong_console.cli.errors import USAGE, ConsoleError
from lutong_console.targets import suite

URLS = {f"LUTONG_{service}_URL": "http://127.0.0.1:1" for service in ("FEED", "REGISTRY", "MEMBERSHIP", "INVENTORY")}


@pytest.fixture(autouse=True)
def _a_shell(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name, value in (URLS | {"LUTONG_HOME": str(tmp_path), "LUTONG_KAFKA_BOOTSTRAP": "127.0.0.1:1"}).items():
        monkeypatch.setenv(name, value)
    for name in ("LUTONG_TOKEN", "LUTONG_TOKEN_FILE"):
        monkeypatch.delenv(name, raising=False)


def _header() -> str:
    request = httpx.Request("GET", "http://127.0.0.1:1")
    return next(suite("nowhere").auth.auth_flow(request)).headers["authorization"]


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("LUTONG_TOKEN", "first\nsecond", "look for a line end in it"),
        ("LUTONG_TOKEN", "\u8def", "printable ASCII"),
        ("LUTONG_FEED_URL", "127.0.0.1:8001", "must be a URL"),
        ("LUTONG_FEED_URL", "ftp://127.0.0.1", "must be a URL"),
        ("LUTONG_FEED_DATABASE_URL", "postgresql+psycopg://u@h/d", "must begin with postgresql://"),
        ("LUTONG_KAFKA_BOOTSTRAP", "kafka://127.0.0.1:9092", "without a scheme"),
    ],
)
def test_a_variable_that_makes_no_sense_is_usage(
    name: str, value: str, message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(ConsoleError, match=f"^{name}.*{message}") as refused:
        suite("nowhere")
    assert refused.value.code == USAGE


@pytest.mark.parametrize("token", ["abc\n", "abc\r\n", " abc "])
def test_what_is_around_a_token_is_taken_off(token: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("LUTONG_TOKEN", token)
    assert _header() == "Bearer abc"
    monkeypatch.delenv("LUTONG_TOKEN")
    (tmp_path / "token").write_text(token)
    monkeypatch.setenv("LUTONG_TOKEN_FILE", str(tmp_path / "token"))
    assert _header() == "Bearer abc"


def test_without_a_key_nobody_is_acted_for() -> None:
    with pytest.raises(ConsoleError, match="no key that signs a token for a member is here") as refused:
        suite("nowhere").acting_as(Principal("ann", "member", member_id="ann"))
    assert refused.value.code == USAGE
