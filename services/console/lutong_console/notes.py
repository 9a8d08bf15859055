"""What the command line remembers of a deployment, in files of JSON in its folder."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any


def read(file: Path) -> dict[str, Any]:
    """What was noted; nothing where nobody noted anything, or nobody can read it."""
    try:
        found = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def add(file: Path, values: Mapping[str, Any]) -> None:
    """Remember these beside what was noted before; OSError where nobody can write there."""
    file.write_text(json.dumps(read(file) | dict(values), indent=2, sort_keys=True), encoding="utf-8")
