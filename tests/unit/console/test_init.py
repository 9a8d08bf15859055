"""Secrets are random, for few eyes, and never overwritten."""

import json
from pathlib import Path

import pytest

from lutong_chassis.tokens import read_key
from lutong_console import credentials
from lutong_console.cli.commands.init import init, wanted
from lutong_console.cli.errors import ConsoleError


def contents(place: Path) -> dict[str, str]:
    return {file.name: file.read_text() for file in place.iterdir()}


def test_every_secret_is_its_own_and_long(tmp_path: Path) -> None:
    init(tmp_path / "s", as_json=True)
    written = contents(tmp_path / "s")
    assert written.keys() == wanted().keys()
    assert len(set(written.values())) == len(written)
    assert min(map(len, written.values())) >= 32


def test_only_containers_that_need_them_may_read_them(tmp_path: Path) -> None:
    init(tmp_path / "s", as_json=True)
    modes = {file.name: file.stat().st_mode & 0o777 for file in (tmp_path / "s").iterdir()}
    assert (tmp_path / "s").stat().st_mode & 0o777 == 0o700
    assert modes.pop(credentials.SIGNING_KEY) == 0o600
    assert set(modes.values()) == {0o640}


def test_services_get_the_public_half_of_the_key_that_signs(tmp_path: Path) -> None:
    init(tmp_path / "s", as_json=True)
    jwks = json.loads((tmp_path / "s" / credentials.JWKS).read_text())
    assert jwks == read_key(tmp_path / "s" / credentials.SIGNING_KEY).jwks


def test_nothing_is_overwritten(tmp_path: Path) -> None:
    init(tmp_path / "s", as_json=True)
    before = contents(tmp_path / "s")
    with pytest.raises(ConsoleError, match="none is ever overwritten"):
        init(tmp_path / "s", as_json=True)
    (tmp_path / "s" / "grafana_admin").unlink()
    init(tmp_path / "s", add_missing=True, as_json=True)
    after = contents(tmp_path / "s")
    assert {name for name in after if after[name] != before[name]} == {"grafana_admin"}


def test_an_issuer_of_yours_gets_no_key_beside_it(tmp_path: Path) -> None:
    (tmp_path / "s").mkdir()
    (tmp_path / "s" / credentials.JWKS).write_text("{}")
    init(tmp_path / "s", add_missing=True, as_json=True)
    assert not (tmp_path / "s" / credentials.SIGNING_KEY).exists()
    assert (tmp_path / "s" / credentials.JWKS).read_text() == "{}"
