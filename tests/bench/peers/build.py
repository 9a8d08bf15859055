"""Building the peers outside of the tree, where Go and a JDK with Maven are; else the reason why one is missing."""

import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Final, NamedTuple, TypeAlias

from lutong_local.kafka import cache_directory

HERE: Final = Path(__file__).parent
TIMEOUT_S: Final = 900
"""Downloading and compiling everything for the first time on a busy machine."""

_HEAP: Final = "-Xmx512m"


Program: TypeAlias = tuple[str, ...]
"""How one is run: what comes before the name of a service."""


class Built(NamedTuple):
    """What can be run with the name of a service, by peer; and why others cannot."""

    programs: dict[str, Program]
    missing: dict[str, str]


class CannotBuildError(RuntimeError):
    """A tool chain or a module is not there; says which."""


def build() -> Built:
    """Build all peers: seconds, once their modules are in the caches of Go and Maven."""
    out = cache_directory().with_name("lutong-peers")
    out.mkdir(parents=True, exist_ok=True)
    built = Built({}, {})
    for names, builder in ((("franz", "watermill"), _go), (("streams",), _java)):
        try:
            built.programs.update(zip(names, builder(out, names), strict=True))
        except CannotBuildError as error:
            built.missing.update(dict.fromkeys(names, str(error)))
    return built


def _go(out: Path, names: Sequence[str]) -> list[Program]:
    _run([tool("go"), "build", "-o", f"{out}/", *(f"./{name}" for name in names)], HERE / "golang")
    return [(str(out / name),) for name in names]


def _java(out: Path, names: Sequence[str]) -> list[Program]:
    java, mvn = tool("java"), tool("mvn")
    tool("javac")
    programs: list[Program] = []
    for name in names:
        made = out / name
        _run([mvn, "-q", "-B", f"-Dout={made}", "compile", "dependency:build-classpath"], HERE / name)
        jars = (made / "classpath").read_text(encoding="utf-8").strip()
        quiet = "-Dorg.slf4j.simpleLogger.defaultLogLevel=error"
        programs.append((java, _HEAP, quiet, "-cp", f"{made / 'classes'}:{jars}", "Chain"))
    return programs


def tool(name: str) -> str:
    """Where a tool is."""
    found = shutil.which(name)
    if not found:
        raise CannotBuildError(f"{name} is not on PATH")
    return found


def _run(command: Sequence[str], folder: Path) -> None:
    try:
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=TIMEOUT_S, check=False)
    except subprocess.TimeoutExpired:
        raise CannotBuildError(f"`{Path(command[0]).name}` was not done after {TIMEOUT_S} s") from None
    if done.returncode:
        lines = [line for line in (done.stderr + done.stdout).splitlines() if line.strip()]
        raise CannotBuildError(f"`{Path(command[0]).name}` failed: {lines[0] if lines else done.returncode}")
