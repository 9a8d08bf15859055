"""Whether the contracts of this checkout break what was published before: in a folder, or in a git revision."""

import json
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from lutong_contracts import event_types
from lutong_contracts.schema import Change, incompatibilities, schema
from tools.docgen.documents import ROOT, SCHEMAS

RECENT: Final = ("HEAD", "HEAD~1")
"""What a working copy is compared with: the last commit and, in a clean clone of it, the one before."""


class NoSuchRevisionError(LookupError):
    """Neither a folder nor a revision of this checkout has this name."""


@dataclass(frozen=True, slots=True)
class Broken:
    """An incompatible change: of which event type, where in its schema, and why it breaks consumers."""

    type: str
    pointer: str
    why: str


def broken(against: str | None) -> list[Broken]:
    """Incompatible changes since a folder of schemas or a revision; since the last two commits when none is given.

    Raises:
        NoSuchRevisionError: `against` is neither a folder nor a revision.
    """
    return [
        Broken(event_type, change.pointer, change.why)
        for revision in ([against] if against else RECENT)
        for event_type, old in _published(revision).items()
        for change in _changes(event_type, old)
    ]


def _changes(event_type: str, old: Mapping[str, Any]) -> list[Change]:
    known = event_types().get(event_type)
    if known is None:
        return [Change("", "the type is gone: consumers may still need it")]
    return incompatibilities(old, schema(known))


def _published(against: str) -> dict[str, dict[str, Any]]:
    """By type, the schemas that others rely on. A checkout without history has none."""
    if Path(against).is_dir():
        return {path.stem: json.loads(path.read_text(encoding="utf-8")) for path in Path(against).glob("*.json")}
    folder = SCHEMAS.relative_to(ROOT).as_posix()
    names = _git("ls-tree", "--name-only", against, f"{folder}/")
    if names is None:
        if against not in RECENT:
            raise NoSuchRevisionError(f"{against!r} is neither a folder nor a revision of this checkout")
        return {}
    return {Path(name).stem: json.loads(_git("show", f"{against}:{name}") or "{}") for name in names.split()}


def _git(*arguments: str) -> str | None:
    """Output of git; None where there is no git, no checkout or no such revision."""
    try:
        done = subprocess.run(["git", "-C", str(ROOT), *arguments], capture_output=True, text=True, check=False)  # noqa: S603, S607  # git from PATH, no shell
    except OSError:
        return None
    return done.stdout if done.returncode == 0 else None
