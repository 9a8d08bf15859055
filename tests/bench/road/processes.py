"""The clients, as a process of their own."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any, Final

from tests.bench.road.clients import Load

ROOT: Final = Path(__file__).parents[3]


def run_clients(load: Load) -> dict[str, Any]:
    """Ask from another process."""
    asked = subprocess.run(
        [sys.executable, "-m", "tests.bench.road.clients"], input=json.dumps(load._asdict()), text=True, capture_output=True,
        check=True, cwd=ROOT,
    )  # fmt: skip
    found: dict[str, Any] = json.loads(asked.stdout)
    return found
