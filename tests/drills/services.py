"""Services of a drill: killed, and started as the drill wants them."""

import asyncio
import signal

from lutong_local.stack import start_service, stop_service
from tests.chaos.world import environment
from tests.drills.drill import Scene


async def kill_and_start(
    scene: Scene, service: str, extra: dict[str, str] | None = None, *, forked: bool = True
) -> None:
    """SIGKILL a service and start it again, with more variables; as a program of its own where it is not to be forked."""
    await asyncio.to_thread(stop_service, scene.stack, service, signal.SIGKILL)
    start_service(scene.stack, service, environment(scene.stack) | (extra or {}), dies_with_parent=forked)
