"""`python -m tools.pymatrix [PYTHON …]`: unit tests on each Python that the suite supports, as far as it is here.

Each gets an environment of its own, `.venv-3.12` and so on, from the same lock. Without names, Pythons are looked for on the
path, in pyenv, and among those that uv manages.
"""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from shutil import which
from typing import Final

from lutong_console.cli.errors import PROBLEM
from tools.docgen.documents import ROOT

SUPPORTED: Final = ("3.11", "3.12", "3.13", "3.14")


def pythons(version: str) -> Iterator[Path]:
    """Where a version may be, the likeliest place first."""
    if found := which(f"python{version}"):
        yield Path(found)
    yield from sorted(Path.home().glob(f".pyenv/versions/{version}.*/bin/python"), reverse=True)
    if uv := which("uv"):
        managed = _output(uv, "python", "find", "--managed-python", "--no-python-downloads", version)
        yield from (Path(line) for line in managed.splitlines())


def version_of(python: Path) -> str | None:
    """`3.12`, if it runs at all: a shim of pyenv may be there without what it stands for."""
    found = _output(str(python), "-c", "import sys; print('{}.{}'.format(*sys.version_info[:2]))").strip()
    return found or None


def image_version() -> str:
    """The Python of the images."""
    recipe = (ROOT / "deploy" / "Dockerfile").read_text(encoding="utf-8")
    return next(line.partition("=")[2] for line in recipe.splitlines() if line.startswith("ARG PYTHON="))


def tested(version: str, python: Path) -> bool:
    """Whether the unit tests pass on it."""
    venv = ROOT / f".venv-{version}"
    stamp = venv / ".installed"
    lock = ROOT / "requirements.lock"
    if not stamp.exists() or stamp.stat().st_mtime < lock.stat().st_mtime:
        command = [str(python), str(ROOT / "tools" / "bootstrap.py"), str(venv), str(lock)]
        done = subprocess.run(command, check=False)  # noqa: S603  # our own arguments
        if done.returncode:
            return False
        stamp.touch()
    tests = [str(venv / "bin" / "python"), "-m", "pytest", "-q", "--no-header", "-p", "no:cacheprovider", "tests/unit"]
    return subprocess.run(tests, cwd=ROOT, check=False).returncode == 0  # noqa: S603  # our own arguments


def _output(*command: str) -> str:
    try:
        return subprocess.run(command, capture_output=True, text=True, check=False).stdout  # noqa: S603  # our own arguments
    except OSError:
        return ""


def main(named: list[str]) -> int:
    """Test each; exit code 1 when one fails. One that is not here is named, and fails only when it was asked for."""
    here: dict[str, Path] = {}
    wanted = [Path(which(name) or name) for name in named] or [python for v in SUPPORTED for python in pythons(v)]
    for python in wanted:
        version = version_of(python)
        if version in SUPPORTED:
            here.setdefault(version, python)
        elif named:
            sys.stderr.write(f"{python} is none of Python {', '.join(SUPPORTED)}\n")
            return PROBLEM
    results = {version: tested(version, python) for version, python in sorted(here.items())}
    for version in SUPPORTED:
        verdict = {True: "passed", False: "FAILED", None: "not here"}[results.get(version)]
        if named and version not in results:
            continue
        sys.stdout.write(f"Python {version}{' (images)' if version == image_version() else ''}: {verdict}\n")
    return PROBLEM if not results or not all(results.values()) else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
