"""Try every way against a running local stack, and say what came of it. Exit code 0 when none succeeds."""

import asyncio
import sys

from lutong_console.catalogue import handled_types
from lutong_console.roads import new_run
from lutong_console.targets import Suite, stack_named
from lutong_console.verify.collect import collect
from lutong_console.verify.identities import evaluate
from lutong_local.stack import Stack
from tests.attacks.audit import not_audited
from tests.attacks.people import People
from tests.attacks.scene import Scene
from tests.attacks.ways import WAYS
from tests.integration.chassis.harness import until


async def attack(stack: Stack) -> dict[str, int]:
    """Try every way; gives what each gained."""
    target = Suite.of(stack)
    async with target.client(20) as client:
        scene = await Scene.of(People(client, target, stack.signer), new_run())
        gained = {way.__name__: await way(scene) for way in WAYS}
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
        print(f'no local stack is called "{name}": run "lutong up"', file=sys.stderr)
        return 3
    gained = await attack(stack)
    for way, amount in gained.items():
        print(f"{'SUCCEEDS' if amount else 'fails   '}  {way.replace('_', ' ')}" + (f": {amount}" if amount else ""))
    succeeded = sum(bool(amount) for amount in gained.values())
    print(f"{succeeded} of {len(gained)} ways succeed")
    return 1 if succeeded or not await is_clean(stack) else 0


if __name__ == "__main__":
    sys.exit(asyncio.run(main(sys.argv[1] if len(sys.argv) > 1 else "default")))
