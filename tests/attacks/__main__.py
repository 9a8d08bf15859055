"""Try every way against a running local stack, and say what came of it. Exit code 0 when none succeeds."""

import asyncio
import sys
from collections.abc import Iterable

from lutong_console.cli.demo.scenarios import new_run
from lutong_console.subscriptions import handled_types
from lutong_console.targets import Suite, stack_named
from lutong_local.stack import Stack
from tests.attacks.audit import not_audited
from tests.attacks.people import People
from tests.attacks.scene import Scene
from tests.attacks.ways import WAYS, Way
from tests.support.harness import until
from tests.support.looks import collect, evaluate


async def attack(stack: Stack, ways: Iterable[Way] = WAYS) -> dict[str, int]:
    """Try the ways; gives what each gained."""
    target = Suite.of(stack)
    async with target.client(20) as client:
        scene = await Scene.of(People(client, target, stack.signer), new_run())
        gained = {way.__name__: await way(scene) for way in ways}
        missing = await not_audited(scene)
        gained |= {f"not audited: {missing}": 1} if missing else {}
    return gained


async def is_clean(stack: Stack) -> bool:
    """Whether the verifier finds nothing, once nothing moves any more."""
    target = Suite.of(stack)

    async def clean() -> bool:
        world = await collect(target, handled_types())
        return not any(world.rows(service, "pending") for service in world.tables) and not evaluate(world)

    await until(clean, "verify is clean", deadline_s=60)
    return True


async def main(name: str) -> int:
    """Try, and print what came of it."""
    stack = stack_named(name)
    if stack is None:
        sys.stderr.write(f'no local stack is called "{name}": run "lutong up"\n')
        return 3
    gained = await attack(stack)
    for way, amount in gained.items():
        line = f"SUCCEEDS  {way}: {amount}" if amount else f"fails     {way}"
        sys.stdout.write(line.replace("_", " ") + "\n")
    succeeded = sum(bool(amount) for amount in gained.values())
    sys.stdout.write(f"{succeeded} of {len(gained)} ways succeed\n")
    return 1 if succeeded or not await is_clean(stack) else 0


if __name__ == "__main__":
    sys.exit(asyncio.run(main(sys.argv[1] if len(sys.argv) > 1 else "default")))
