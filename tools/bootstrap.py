"""Fill a virtual environment: `python tools/bootstrap.py .venv requirements.lock`. It needs no package itself.

uv does it in seconds: the one on the path, or one that pip puts into the environment first, pinned and hashed. Where
neither can be had, pip does it all. Every file is checked against the hashes of the lock.
"""

import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from shutil import which
from typing import NamedTuple

ROOT = Path(__file__).resolve().parent.parent
INSTALLER = ROOT / "deploy" / "requirements" / "installer.lock"


def main(venv: Path, lock: Path) -> int:
    """Exit code 3 when packages cannot be had."""
    if not _made(venv):
        return 3
    for name, install in installers(venv):
        sys.stderr.write(f"Installing {lock.name} into {venv.name} with {name}\n")
        if _ran(*install, "--require-hashes", "-r", str(lock)) and _ran(
            *install, "--no-deps", "--no-build-isolation", *editables()
        ):
            return 0
        sys.stderr.write(f"{name} could not install {lock.name}\n")
    return 3


class Installer(NamedTuple):
    """What can install packages: its name, and its command up to the packages."""

    name: str
    command: Sequence[str]


def installers(venv: Path) -> Iterator[Installer]:
    """What can install, the fastest first; each is tried when the one before failed."""
    python = str(_python(venv))
    pip = (python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check")
    uv = which("uv") or which("uv", path=str(_python(venv).parent))
    if not uv and _has_pip(venv) and _ran(*pip, "--only-binary", ":all:", "--require-hashes", "-r", str(INSTALLER)):
        uv = which("uv", path=str(_python(venv).parent))
    if uv:
        yield Installer("uv", (uv, "pip", "install", "--quiet", "--python", python))
    if _has_pip(venv) or _ran(python, "-m", "ensurepip"):
        yield Installer("pip", pip)


def editables() -> list[str]:
    """Arguments that install each package of the workspace from this checkout."""
    folders = sorted(path.parent for pattern in ("libs/*", "services/*", "deploy/local") for path in ROOT.glob(f"{pattern}/pyproject.toml"))  # fmt: skip
    return [argument for folder in folders for argument in ("--editable", str(folder))]


def _made(venv: Path) -> bool:
    """Whether the environment is there, made anew if need be; `venv` knows no `python` when an attempt broke off."""
    if _python(venv).exists():
        return True
    uv = which("uv")
    return (uv is not None and _ran(uv, "venv", "--quiet", "--python", sys.executable, str(venv))) or _ran(
        sys.executable, "-m", "venv", str(venv)
    )


def _python(venv: Path) -> Path:
    return venv.absolute() / ("Scripts" if os.name == "nt" else "bin") / "python"


def _has_pip(venv: Path) -> bool:
    return any(venv.glob("lib/python*/site-packages/pip")) or (venv / "Lib/site-packages/pip").exists()


def _ran(*command: str) -> bool:
    """Whether a command did its work; its output is on the terminal."""
    return subprocess.run(command, stdout=sys.stderr, check=False, env=_environment()).returncode == 0  # noqa: S603  # our own arguments, no shell


def _environment() -> dict[str, str]:
    """Of this process; uv is given the index and certificates that pip is given."""
    variables = {"UV_DEFAULT_INDEX": "PIP_INDEX_URL", "SSL_CERT_FILE": "PIP_CERT"}
    return {ours: os.environ[theirs] for ours, theirs in variables.items() if os.environ.get(theirs)} | dict(os.environ)


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), Path(sys.argv[2])))
