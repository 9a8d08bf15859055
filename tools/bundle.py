"""A folder that a machine without a network starts the suite from: images, wheels, the deployment and checksums.

    make bundle                          dist/bundle, for the profiles that deploy/.env has
    make bundle ARGS="DIR --profile observability,tools"

On the other machine, which has Docker, compose and the same Python: `sh DIR/install.sh`, then `lutong init` and `lutong up`.
Exit code 1: an image or a package cannot be had; 2: usage, or no engine here; 3: the engine does not answer.
"""

import argparse
import gzip
import hashlib
import json
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from lutong_console.cli.errors import USAGE, ConsoleError
from lutong_console.engine import image_ids, run
from lutong_contracts.topics import SERVICES

ROOT: Final = Path(__file__).parents[1]
SUMS: Final = "SHA256SUMS"
_PACKAGES: Final = (
    "libs/contracts",
    "libs/chassis",
    "services/console",
    *(f"services/{name}" for name in SERVICES),
    "deploy/local",
)
_NOT_TAKEN: Final = ("secrets", ".env", "settings.env", "local", "__pycache__", "requirements", "Dockerfile*")
_CHUNK_BYTES: Final = 1 << 20
_MADE_S: Final = 3600.0
"""How long images may take to be built, fetched, and packages too."""

INSTALL: Final = f"""#!/bin/sh
# Check what was carried here, load the images, and install the command line beside them. Nothing is fetched.
set -eu
cd "$(dirname "$0")"
sha256sum --check --quiet {SUMS}
gzip -dc images.tar.gz | docker load
"${{PYTHON:-python3}}" -m venv venv
venv/bin/python -m pip install --quiet --no-index --find-links wheels wheels/lutong_*.whl
echo "Next: export LUTONG_DEPLOY=$PWD/deploy LUTONG_TARGET=compose; . venv/bin/activate; lutong init; lutong preflight; lutong up"
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Make a bundle; gives the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tools.bundle", description=__doc__.partition("\n")[0])
    parser.add_argument("directory", nargs="?", type=Path, default=ROOT / "dist" / "bundle")
    parser.add_argument("--profile", default="", help="profiles of compose whose images come along, by commas")
    given = parser.parse_args(arguments)
    if given.directory.exists() and any(given.directory.iterdir()):
        sys.stderr.write(f"error: {given.directory} is not empty; then: rm -r {given.directory}\n")
        return USAGE
    try:
        made = bundle(given.directory, [name for name in given.profile.split(",") if name])
    except ConsoleError as error:
        sys.stderr.write(f"error: {error}{f'; then: {error.then}' if error.then else ''}\n")
        return error.code
    sys.stdout.write(f"{made}\nnext, where it is carried to: sh {made.name}/install.sh\n")
    return 0


def bundle(directory: Path, profiles: Sequence[str]) -> Path:
    """Fill an empty folder; gives it."""
    directory.mkdir(parents=True, exist_ok=True)
    images = _images(profiles)
    _report(f"{len(images)} images")
    _save(images, directory / "images.tar.gz")
    _report("wheels")
    _wheels(directory / "wheels")
    shutil.copytree(ROOT / "deploy", directory / "deploy", ignore=shutil.ignore_patterns(*_NOT_TAKEN))
    shutil.copytree(ROOT / "docs", directory / "docs")
    (directory / "install.sh").write_text(INSTALL, encoding="utf-8")
    (directory / SUMS).write_text("".join(sums(directory)), encoding="utf-8")
    return directory


def sums(directory: Path) -> Iterator[str]:
    """A line of `sha256sum` for each file of a folder, by name; for the file of sums itself there is none."""
    for path in sorted(path for path in directory.rglob("*") if path.is_file() and path.name != SUMS):
        with path.open("rb") as file:
            yield f"{hashlib.file_digest(file, 'sha256').hexdigest()}  {path.relative_to(directory).as_posix()}\n"


def _images(profiles: Sequence[str]) -> list[str]:
    """Build ours, fetch those of others that are not here, and give the names of all."""
    chosen = [part for name in profiles for part in ("--profile", name)]
    _run("docker", "compose", *chosen, "build", "--quiet")
    shown = json.loads(_run("docker", "compose", *chosen, "config", "--format", "json"))
    names = {piece["image"] for piece in shown["services"].values()}
    for name in sorted(names - image_ids(names).keys()):
        _run("docker", "pull", "--quiet", name)
    return sorted(names)


def _save(images: Sequence[str], file: Path) -> None:
    """All images in one archive: layers that they share are in it once."""
    with (
        subprocess.Popen(["docker", "save", *images], stdout=subprocess.PIPE) as saving,  # noqa: S603, S607  # names that compose gave
        gzip.open(file, "wb", compresslevel=1) as packed,
    ):
        assert saving.stdout  # noqa: S101  # it is a pipe
        shutil.copyfileobj(saving.stdout, packed, _CHUNK_BYTES)
    if saving.returncode:
        raise ConsoleError(f"docker save ended with {saving.returncode}: is the disk full?")


def _wheels(directory: Path) -> None:
    """What the command line needs, checked against the lock, and our own packages."""
    pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check"]
    lock = ROOT / "deploy" / "requirements" / "local.lock"
    _run(*pip, "download", "--only-binary", ":all:", "--require-hashes", "--dest", str(directory), "-r", str(lock))
    own = [str(ROOT / package) for package in _PACKAGES]
    _run(*pip, "wheel", "--no-deps", "--no-index", "--no-build-isolation", "--wheel-dir", str(directory), *own)


def _run(*command: str) -> str:
    return run(*command, place=ROOT / "deploy", timeout_s=_MADE_S)


def _report(what: str) -> None:
    """What is being done, to people who wait."""
    if sys.stderr.isatty():
        sys.stderr.write(f"{what} …\n")


if __name__ == "__main__":
    sys.exit(main())
