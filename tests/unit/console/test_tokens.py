"""lutong token and lutong keys: tokens for development, and clear words when there can be none."""

import json
from pathlib import Path
from typing import Any

import jwt
import pytest

from lutong_chassis.auth import Verifier, public_keys
from lutong_chassis.testing import a_member, an_operator
from lutong_chassis.tokens import AUDIENCE, ISSUER, generate, make_keys
from lutong_console import targets
from lutong_console.bearer import Bearer, operator
from lutong_console.cli.commands.tokens import keys, token
from lutong_console.cli.errors import ConsoleError

Capture = pytest.CaptureFixture[str]


@pytest.fixture
def key(tmp_path: Path) -> Path:
    make_keys(tmp_path / "keys")
    return tmp_path / "keys" / "signing-key.pem"


def test_a_printed_token_is_believed(key: Path, capsys: Capture) -> None:
    token(member="ann", key=key, minutes=5, as_json=True)
    printed = json.loads(capsys.readouterr().out)
    jwks = json.loads((key.parent / "jwks.json").read_text())
    verifier = Verifier(public_keys(jwks), ISSUER, AUDIENCE)
    assert verifier.principal([f"Bearer {printed['token']}"]) == a_member("ann")
    claims = jwt.decode(printed["token"], options={"verify_signature": False})
    assert claims["exp"] - claims["iat"] == 300
    assert (printed["subject"], printed["role"]) == ("ann", "member")


def test_a_token_may_have_its_own_issuer_and_audience(key: Path, capsys: Capture) -> None:
    token(merchant="shop", member="wang", subject="wang", key=key, issuer="https://idp", audience="staging")
    claims = jwt.decode(capsys.readouterr().out.strip(), options={"verify_signature": False})
    assert {name: claims[name] for name in ("iss", "aud", "sub", "role", "merchant_id", "member_id")} == {
        "iss": "https://idp", "aud": "staging", "sub": "wang", "role": "merchant", "merchant_id": "shop", "member_id": "wang",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("options", "code", "expected"),
    [
        ({"role": "root"}, 2, "there is no role 'root'"),
        ({"role": "operator", "merchant": "shop"}, 2, "operator is staff"),
        ({"role": "merchant"}, 2, "merchant needs merchant_id"),
        ({"merchant": "shop' OR 1=1", "subject": "x"}, 2, "letters, digits, dots"),
        ({"subject": "two words"}, 2, "no space"),
        ({"key": Path("/nonexistent")}, 2, "/nonexistent"),
        ({"key": Path(__file__)}, 2, "test_tokens.py"),
        ({"stack": "nosuch"}, 3, "there is no local stack 'nosuch'"),
    ],
)
def test_what_makes_no_sense_is_explained(
    options: dict[str, Any], code: int, expected: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("LUTONG_HOME", str(tmp_path))
    with pytest.raises(ConsoleError, match=expected) as raised:
        token(**options)
    assert raised.value.code == code
    assert raised.value.then or "there are" in str(raised.value)


def test_keys_are_made_once(tmp_path: Path, capsys: Capture) -> None:
    keys(tmp_path / "mine")
    output = capsys.readouterr()
    assert "made key" in output.out
    assert "LUTONG_AUTH_KEYS_FILE=" in output.err
    assert "PRIVATE" not in output.out + output.err
    with pytest.raises(ConsoleError, match="File exists"):
        keys(tmp_path / "mine")


def test_a_given_token_wins_over_the_key_of_the_local_stack(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "token").write_text("from-a-file\n")
    monkeypatch.setenv("LUTONG_TOKEN_FILE", str(tmp_path / "token"))
    by_file = targets._auth(None)
    monkeypatch.setenv("LUTONG_TOKEN", "from-the-environment")
    by_environment = targets._auth(None)
    assert isinstance(by_file, Bearer)
    assert isinstance(by_environment, Bearer)
    assert (by_file.mint(), by_environment.mint()) == ("from-a-file", "from-the-environment")
    (tmp_path / "token").unlink()
    with pytest.raises(ConsoleError, match="LUTONG_TOKEN_FILE"):
        by_file.mint()


def test_the_user_at_the_terminal_is_an_operator_services_accept(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("getpass.getuser", lambda: "王 wang")
    claims = jwt.decode(operator(generate()).mint(), options={"verify_signature": False})
    assert (claims["sub"], claims["role"]) == ("--wang", an_operator().role)
