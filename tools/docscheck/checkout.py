"""What there is to name: tracked files, words of the source, make targets and variables, commands, routes, settings."""

import re
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final

import aiokafka.errors
import asyncpg.exceptions
import typer

from lutong_console.cli.main import app
from tools.docgen.suite import RUNNING

_OWN_TESTS: Final = "tests/unit/docs/"  # these name what does not exist, on purpose
_SKIPPED: Final = frozenset({".md", ".svg", ".lock", ".html", ".gz", ".png"})
_WORD: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


@dataclass(frozen=True, slots=True)
class Checkout:
    """Everything that a document may name."""

    root: Path
    files: frozenset[str]
    words: frozenset[str]
    targets: frozenset[str]
    make_variables: frozenset[str]
    commands: Mapping[str, frozenset[str]]
    """By command, such as `parked list`, its options; a group has those of itself."""
    routes: frozenset[str]
    settings: frozenset[str]
    made_here: frozenset[str]
    """Patterns of files that people make and git ignores, such as `deploy/.env`."""


@cache
def read(root: Path) -> Checkout:
    """The checkout as git knows it, with files that were not added yet."""
    files = tracked(root)
    text = {
        name: _text(root / name)
        for name in files
        if Path(name).suffix not in _SKIPPED and not name.startswith(_OWN_TESTS)
    }
    words = frozenset(word for content in text.values() for word in _WORD.findall(content))
    foreign = {*dir(asyncpg.exceptions), *dir(aiokafka.errors)}  # classes of errors that our logs name
    makefile = text["Makefile"]
    return Checkout(
        root=root,
        files=frozenset(files),
        words=words | foreign | {part for name in files for part in _WORD.findall(name)},
        targets=frozenset(re.findall(r"^([a-z0-9-]+):", makefile, re.MULTILINE)),
        make_variables=frozenset(
            re.findall(r"\$[({](?:or |if |findstring \w+,|filter-out 1,)*\$?\(?([A-Z_]+)", makefile)
        ),
        commands=_commands(),
        routes=frozenset(_path(route) for service in RUNNING.values() for route in service.routes.routes),
        settings=frozenset(word for word in words if word.startswith("LUTONG_")) | _fields(root),
        made_here=frozenset(line.strip("/") for line in _text(root / ".gitignore").splitlines()),
    )


def tracked(root: Path) -> list[str]:
    """Files of the checkout, from its root, without those that git ignores."""
    listed = ("git", "-C", str(root), "ls-files", "--cached", "--others", "--exclude-standard")
    found = subprocess.run(listed, capture_output=True, text=True, check=True).stdout.split("\n")  # noqa: S603  # git from PATH, no shell
    return sorted(name for name in found if name and (root / name).is_file())


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8", errors="replace")


def _fields(root: Path) -> set[str]:
    """Settings by the names of their variables; the generated page has them all."""
    return set(re.findall(r"LUTONG_\w+", _text(root / "docs" / "settings.md")))


def _path(route: Any) -> str:  # noqa: ANN401  # starlette's routes have no common type with a path
    return re.sub(r"\{[^}]*\}", "{}", str(route.path))


def _commands() -> dict[str, frozenset[str]]:
    found: dict[str, frozenset[str]] = {}

    def walk(prefix: str, command: Any) -> None:  # noqa: ANN401  # click's commands
        options = {option for parameter in command.params for option in parameter.opts}
        found[prefix] = frozenset({*options, "--help"})
        if hasattr(command, "list_commands"):
            context = typer.Context(command)
            for name in command.list_commands(context):
                walk(f"{prefix} {name}".strip(), command.get_command(context, name))

    walk("", typer.main.get_command(app))
    return found
