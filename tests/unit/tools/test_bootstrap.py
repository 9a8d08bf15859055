"""An environment is filled by the fastest installer that there is, and by the next one when it fails."""

import os
import sys
from pathlib import Path

import pytest

from tools import bootstrap


def a_program(folder: Path, name: str, script: str) -> None:
    """A program on the path."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text(f"#!/bin/sh\n{script}\n")
    (folder / name).chmod(0o755)


@pytest.fixture
def venv(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An environment whose `python -m pip` writes down what it was told, and a path with nothing on it."""
    venv = tmp_path / ".venv"
    a_program(venv / "bin", "python", f'echo "$@" >> {tmp_path}/calls')
    (venv / f"lib/python3.{sys.version_info.minor}/site-packages/pip").mkdir(parents=True)
    monkeypatch.setenv("PATH", f"{tmp_path / 'path'}{os.pathsep}/usr/bin{os.pathsep}/bin")
    return venv


def calls(tmp_path: Path) -> list[str]:
    """What installers were called with."""
    return (tmp_path / "calls").read_text().splitlines()


def test_a_uv_on_the_path_installs(venv: Path, tmp_path: Path) -> None:
    a_program(tmp_path / "path", "uv", f'echo uv "$@" >> {tmp_path}/calls')
    assert bootstrap.main(venv, Path("some.lock")) == 0
    assert [line.split()[:2] for line in calls(tmp_path)] == [["uv", "pip"]] * 2
    assert calls(tmp_path)[0].endswith("--require-hashes -r some.lock")


def test_a_uv_that_is_missing_is_installed_first(venv: Path, tmp_path: Path) -> None:
    a_program(venv / "bin", "python", f'echo "$@" >> {tmp_path}/calls; printf "#!/bin/sh\\nexit 0\\n" > {venv}/bin/uv; chmod 755 {venv}/bin/uv')  # fmt: skip
    assert bootstrap.main(venv, Path("some.lock")) == 0
    (first,) = calls(tmp_path)
    assert "--require-hashes" in first
    assert first.endswith("installer.lock")


def test_pip_installs_where_uv_cannot(venv: Path, tmp_path: Path) -> None:
    a_program(tmp_path / "path", "uv", "exit 1")
    assert bootstrap.main(venv, Path("some.lock")) == 0
    assert all(line.startswith("-m pip install") for line in calls(tmp_path))
    assert len(calls(tmp_path)) == 2


def test_nothing_can_install(venv: Path, tmp_path: Path) -> None:
    a_program(tmp_path / "path", "uv", "exit 1")
    a_program(venv / "bin", "python", "exit 1")
    assert bootstrap.main(venv, Path("some.lock")) == 3


def test_uv_uses_the_index_that_pip_uses(venv: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    a_program(tmp_path / "path", "uv", f"echo $UV_DEFAULT_INDEX >> {tmp_path}/calls")
    monkeypatch.setenv("PIP_INDEX_URL", "https://index.example/simple")
    monkeypatch.delenv("UV_DEFAULT_INDEX", raising=False)
    assert bootstrap.main(venv, Path("some.lock")) == 0
    assert set(calls(tmp_path)) == {"https://index.example/simple"}
