"""A package is listed once, in the workspace; every other list agrees with it. So does the version."""

import tomllib
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest

from lutong_contracts.topics import SERVICES
from lutong_contracts.version import VERSION
from tools.bootstrap import editables
from tools.docgen.documents import ROOT

PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
TOOL = PROJECT["tool"]
MEMBERS = sorted(
    path.parent for member in TOOL["uv"]["workspace"]["members"] for path in ROOT.glob(f"{member}/pyproject.toml")
)
PACKAGES = {next(path.glob("lutong_*")).name: path for path in MEMBERS}
"""By import name, the folder of each member of the workspace."""


def test_the_tools_know_every_package() -> None:
    """mypy, import order and import-linter; the last two also know what is no member."""
    assert {ROOT / path for path in TOOL["mypy"]["mypy_path"]} == {*MEMBERS, ROOT}
    assert set(TOOL["ruff"]["lint"]["isort"]["known-first-party"]) == {*PACKAGES, "tools", "tests"}
    assert set(TOOL["importlinter"]["root_packages"]) == {*PACKAGES, "tools"}


def test_the_layers_contain_every_package() -> None:
    layers = next(contract["layers"] for contract in TOOL["importlinter"]["contracts"] if contract["type"] == "layers")
    assert {name for layer in layers for name in layer.split(" | ")} == {*PACKAGES, "tools"}


def test_every_package_is_installed_from_the_checkout() -> None:
    assert {Path(argument) for argument in editables()[1::2]} == {*MEMBERS}


def test_the_services_of_the_makefile_are_those_of_the_contracts() -> None:
    (line,) = (line for line in (ROOT / "Makefile").read_text("utf-8").splitlines() if line.startswith("SERVICES :="))
    assert tuple(line.partition(":=")[2].split()) == SERVICES
    assert {f"lutong_{name}" for name in SERVICES} < set(PACKAGES)


@pytest.mark.parametrize("package", PACKAGES)
def test_every_package_takes_the_version_from_one_place(package: str) -> None:
    project = tomllib.loads((PACKAGES[package] / "pyproject.toml").read_text("utf-8"))
    assert project["project"]["dynamic"] == ["version"]
    assert (PACKAGES[package] / project["tool"]["hatch"]["version"]["path"]).resolve() == (
        ROOT / "libs/contracts/lutong_contracts/version.py"
    )
    assert version(project["project"]["name"]) == VERSION


def test_locks_hold_hashes_and_no_address() -> None:
    locks = [ROOT / "requirements.lock", *(ROOT / "deploy" / "requirements").glob("*.lock")]
    assert len(locks) == 6
    for lock in locks:
        text = lock.read_text("utf-8")
        assert "://" not in text, lock
        assert text.count("==") <= text.count("--hash=sha256:"), lock


def test_a_lock_of_a_part_pins_what_the_whole_pins() -> None:
    whole = _pins(ROOT / "requirements.lock")
    for lock in (ROOT / "deploy" / "requirements").glob("*.lock"):
        assert _pins(lock) <= whole, lock


def _pins(lock: Path) -> set[str]:
    return {line.removesuffix(" \\").strip() for line in lock.read_text("utf-8").splitlines() if "==" in line}
