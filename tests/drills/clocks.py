"""A clock that jumps by an hour, there and back, and one that drifts: of one service, whose others keep the right time."""

import asyncio
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import partial
from pathlib import Path
from typing import Final

from tests.chaos.healing import all_ready, until_it_holds
from tests.drills.drill import Drill, Scene
from tests.drills.services import kill_and_start

JUMPS_S: Final = (3600, 0, -3600, 0, 3600, -3600, 3600, 0, -3600, 0)
_BETWEEN_S: Final = 2.0
_DRIFT: Final = 0.1
"""Seconds that it gains in each second, and then loses."""
_DRIFTS_S: Final = 20


def library() -> Path | None:
    """libfaketime, where it is installed."""
    return next(iter(sorted(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"))), None)


def _lacks() -> str | None:
    return None if library() else "a clock of its own needs libfaketime: apt-get install libfaketime"


async def with_a_clock(scene: Scene, service: str) -> Path:
    """Start a service that reads its time by libfaketime; gives the file with what it is ahead."""
    ahead = scene.stack.directory / "clock"
    ahead.write_text("+0\n", encoding="ascii")
    variables = {
        "LD_PRELOAD": str(library()),
        "FAKETIME_TIMESTAMP_FILE": str(ahead),
        "FAKETIME_CACHE_DURATION": "1",
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
    }
    await kill_and_start(scene, service, variables, forked=False)
    await until_it_holds(lambda: all_ready(scene.stack), f"{service} is ready")
    return ahead


async def off_s(scene: Scene, service: str) -> float:
    """By how much a service is ahead, as its answers are dated."""
    answer = await scene.client.get(f"{scene.stack.url(service)}/livez")
    return (parsedate_to_datetime(answer.headers["date"]) - datetime.now(UTC)).total_seconds()


def _set(ahead: Path, seconds: float) -> None:
    scratch = ahead.with_suffix(".new")
    scratch.write_text(f"{seconds:+.3f}\n", encoding="ascii")
    scratch.replace(ahead)


async def jump(service: str, scene: Scene) -> None:
    """An hour ahead, an hour behind, and right again."""
    ahead = await with_a_clock(scene, service)
    for seconds in JUMPS_S:
        _set(ahead, seconds)
        await asyncio.sleep(_BETWEEN_S)  # how long it goes on like this
        scene.done["seen an hour off"] += abs(await off_s(scene, service)) > 3_000
        scene.done["faults"] += 1
    await scene.flows(5)


async def drift(service: str, scene: Scene) -> None:
    """Slowly away from the others, and slowly back."""
    ahead = await with_a_clock(scene, service)
    gained_s = 0.0
    for step in (_DRIFT, -2 * _DRIFT, _DRIFT):
        for _ in range(_DRIFTS_S):
            gained_s += step
            _set(ahead, gained_s)
            await asyncio.sleep(1)  # the rhythm of the clock
        scene.done["faults"] += 1
    await scene.flows(5)


DRILLS: Final = (
    Drill("clock-jumps-membership", partial(jump, "membership"), len(JUMPS_S), lacks=_lacks),
    Drill("clock-drifts-inventory", partial(drift, "inventory"), 3, lacks=_lacks),
)
