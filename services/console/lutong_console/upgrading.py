"""What a start of containers would change, in which order, and how long that took here before. Pure, but for its notes."""

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

from lutong_console import engine
from lutong_console.engine import Piece
from lutong_contracts.topics import SERVICES

_NOTES: Final = ".took.json"
_MUST: Final = re.compile(r"\*\*What you must do\*\*:?\s*(.+?)(?=\n- |\n\n|\n#|\Z)", re.DOTALL)


class Change(NamedTuple):
    """A piece that is made anew: `why` is `new`, `image` or `settings`; `took_s` what that took last time."""

    piece: str
    why: str
    took_s: float | None


def changes(
    configuration: Mapping[str, Any],
    hashes: Mapping[str, str],
    images: Mapping[str, str],
    pieces: Sequence[Piece],
    took_s: Mapping[str, float],
) -> list[Change]:
    """What `lutong up` makes anew, jobs left out: they run each time."""
    there = {piece.service: piece for piece in pieces}
    found = []
    for name, configured in engine.wanted(configuration).items():
        piece = there.get(name)
        image = images.get(configured["image"])
        if engine.is_job(configured):
            continue
        if piece is None or not piece.runs:
            found.append(Change(name, "new" if piece is None else "stopped", took_s.get(name)))
        elif image is None or (piece.image_id and piece.image_id != image):
            found.append(Change(name, "image", took_s.get(name)))
        elif piece.config != hashes.get(name):
            found.append(Change(name, "settings", took_s.get(name)))
    return sorted(found, key=lambda change: _place(change.piece))


def _place(piece: str) -> tuple[int, str]:
    """Servers first, then services one after the other, then what looks at them."""
    return (1 if piece in SERVICES else 0 if piece == "postgres" or piece.startswith("kafka") else 2, piece)


def jobs(configuration: Mapping[str, Any]) -> list[str]:
    """The jobs, in an order in which each finds what it needs."""
    order = ("acl", "topics", "databases", *(f"{service}-migrate" for service in SERVICES))
    return [name for name in order if name in engine.wanted(configuration)]


def by_hand(changelog: str) -> list[str]:
    """What the newest part of a changelog says that people must do."""
    newest = re.split(r"^## ", changelog, flags=re.MULTILINE)[1:2]
    return [" ".join(found.split()) for found in _MUST.findall(newest[0] if newest else "")]


def took(place: Path) -> dict[str, float]:
    """How long each piece took when it was made anew last, in seconds; nothing where nobody noted it."""
    try:
        found: dict[str, float] = json.loads((place / _NOTES).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found


def note(place: Path, seconds: Mapping[str, float]) -> None:
    """Remember how long pieces took."""
    (place / _NOTES).write_text(json.dumps(took(place) | dict(seconds), indent=2, sort_keys=True), encoding="utf-8")
