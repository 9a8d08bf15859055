"""What a bundle refuses: to be made over something else, and to be installed when a file of it is not as it was."""

import subprocess
from pathlib import Path

import pytest

from tools import bundle


def a_bundle(directory: Path) -> Path:
    (directory / "wheels").mkdir(parents=True)
    (directory / "wheels" / "a.whl").write_bytes(b"wheel")
    (directory / "images.tar.gz").write_bytes(b"no archive")
    (directory / "install.sh").write_text(bundle.INSTALL, encoding="utf-8")
    (directory / bundle.SUMS).write_text("".join(bundle.sums(directory)), encoding="utf-8")
    return directory


def installed(directory: Path) -> "subprocess.CompletedProcess[str]":
    """With a machine's tools, and no Docker."""
    environment = {"PATH": "/usr/bin:/bin"}
    command = ["sh", str(directory / "install.sh")]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)


def test_each_file_is_checked_before_anything_is_loaded(tmp_path: Path) -> None:
    made = a_bundle(tmp_path / "b")
    (made / "wheels" / "a.whl").write_bytes(b"another")
    done = installed(made)
    assert done.returncode != 0
    assert "wheels/a.whl: FAILED" in done.stdout
    assert not (made / "venv").exists()


def test_control_a_whole_bundle_goes_on_to_its_images(tmp_path: Path) -> None:
    done = installed(a_bundle(tmp_path / "b"))
    assert "FAILED" not in done.stdout
    assert "not in gzip format" in done.stderr


def test_a_folder_with_something_in_it_is_not_filled(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "mine").write_text("x")
    assert bundle.main([str(tmp_path)]) == 2
    assert f"{tmp_path} is not empty; then: rm -r {tmp_path}" in capsys.readouterr().err


def test_an_engine_that_is_not_there_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert bundle.main([str(tmp_path / "b")]) == 2
    assert "docker cannot be run here" in capsys.readouterr().err
