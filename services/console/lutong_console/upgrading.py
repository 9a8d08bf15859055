"""What a start of containers would change, in which order, and how long that took here before. Pure, but for its notes."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

from lutong_console import engine, notes
from lutong_console.engine import Piece
from lutong_contracts.topics import SERVICES

_NOTES: Final = ".took.json"
_TOUCHED: Final = re.compile(r"Container (\S+)\s+(?:Recreate|Create|Starting)\b")
_MUST: Final = re.compile(r"\*\*What you must do\*\*:?\s*(.+?)(?=\n- |\n\n|\n#|\Z)", re.DOTALL)


class Change(NamedTuple):
    """A piece that is made anew: `why` is `new`, `stopped`, `image` or `settings`; `took_s` what that took last time."""

    piece: str
    why: str
    took_s: float | None


def changes(
    configuration: Mapping[str, Any],
    dry_run: str,
    images: Mapping[str, str],
    pieces: Sequence[Piece],
    took_s: Mapping[str, float],
) -> list[Change]:
    """What `lutong up` makes anew, jobs left out: they run each time. `dry_run` is what compose prints that it would do."""
    there = {piece.service: piece for piece in pieces}
    touched = {
        service
        for container in _TOUCHED.findall(dry_run)
        if (service := _service_of(container, configuration["name"])) in configuration["services"]
    }
    found = []
    for name in touched:
        configured, piece = configuration["services"][name], there.get(name)
        if engine.is_job(configured):
            continue
        image = images.get(configured["image"])
        other_image = bool(piece and piece.image_id and piece.image_id != image)
        why = "new" if piece is None else "stopped" if not piece.runs else "image" if other_image else "settings"
        found.append(Change(name, why, took_s.get(name)))
    return sorted(found, key=lambda change: _place(change.piece))


def _service_of(container: str, project: str) -> str:
    """`lutong-kafka-2-1` is the first container of kafka-2."""
    return re.sub(r"^(?:[0-9a-f]{12}_)?" + re.escape(project) + r"-|-\d+$", "", container)


def _place(piece: str) -> tuple[int, str]:
    """Servers first, then services one after the other, then what looks at them."""
    return (1 if piece in SERVICES else 0 if piece == "postgres" or piece.startswith("kafka") else 2, piece)


def jobs(configuration: Mapping[str, Any]) -> list[str]:
    """The jobs, in an order in which each finds what it needs."""
    order = ("acl", "topics", "databases", *(f"{service}-migrate" for service in SERVICES))
    return [name for name in order if name in engine.wanted(configuration)]


def by_hand(changelog: str) -> list[str]:
    """What the newest part of a changelog asks of people."""
    newest = re.split(r"^## ", changelog, flags=re.MULTILINE)[1:2]
    return [" ".join(found.split()) for found in _MUST.findall(newest[0] if newest else "")]


def took(place: Path) -> dict[str, float]:
    """How long each piece took when it was made anew last, in seconds; nothing where nobody noted it."""
    return notes.read(place / _NOTES)


def note(place: Path, seconds: Mapping[str, float]) -> None:
    """Remember how long pieces took."""
    notes.add(place / _NOTES, seconds)
