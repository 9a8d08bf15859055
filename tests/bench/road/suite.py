"""`python -m tests.bench.road.suite DIR` starts the suite in a folder and says so; it ends with its parent.

A process of its own, so that `PYTHONPATH` can put the code of an older commit in the place of this one's.
"""

import sys
from pathlib import Path

from lutong_local.stack import Stack, down, up

LIMITS_LIFTED = {"LUTONG_HTTP_RATE_PER_S": "1000000", "LUTONG_HTTP_BURST": "1000000", "LUTONG_HTTP_REQUESTS_MAX": "512"}


def _environment(_stack: Stack, _service: str) -> dict[str, str]:
    return LIMITS_LIFTED


if __name__ == "__main__":
    running = up(Path(sys.argv[1]), lambda _: None, dies_with_parent=True, environment_of=_environment)
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    try:
        sys.stdin.read()
    finally:
        down(running, lambda _: None, purge=True)
