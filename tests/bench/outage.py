"""What becomes of a service while Kafka is away, and afterwards.

`python -m tests.bench.outage` stops the broker for two minutes while viewers open cards 200 times a
second, and looks at the memory of the service; then the broker comes back, and nothing may be missing.
"""

import argparse
import asyncio
import json
import signal
import sys
import tempfile
from collections import Counter
from pathlib import Path
from time import monotonic
from typing import Any

from lutong_console.subscriptions import handled_types
from lutong_console.targets import Suite
from lutong_local.processes import stop
from lutong_local.stack import Stack, down, start_piece, up, wait_for_piece
from tests.bench.load import CONNECTIONS, Load, as_often_as_it_likes, as_operator
from tests.chaos import world
from tests.support.harness import until
from tests.support.looks import collect, evaluate

DRAINED_WITHIN_S = 300.0


def memory_mb(pid: int) -> float:
    """Resident memory of a process, in MB (Linux)."""
    status = Path(f"/proc/{pid}/status").read_text(encoding="utf-8")
    return int(next(line for line in status.splitlines() if line.startswith("VmRSS")).split()[1]) / 1024


async def measure(stack: Stack, duration_s: float, rate: float) -> dict[str, Any]:
    """Warm up, take Kafka away, bring it back, verify."""
    pid = stack.children["feed"].pid
    as_operator(stack)
    async with Suite.of(stack).client(20) as client:
        url = f"{stack.url('feed')}/v1/posts/{await world.build_and_wait(client, stack)}/card/taps"
    assert (await asyncio.to_thread(Load(url, CONNECTIONS, rate).ask_for, 20))["good"]
    memory = [memory_mb(pid)]

    async def schedule_dunning() -> None:
        while True:
            await asyncio.sleep(1)  # one look per second
            memory.append(memory_mb(pid))

    watching = asyncio.create_task(schedule_dunning())
    stop(stack.children["kafka"], signal.SIGKILL)
    outcomes = await asyncio.to_thread(Load(url, CONNECTIONS, rate).ask_for, duration_s)
    start_piece(stack, "kafka", dies_with_parent=True)
    await asyncio.to_thread(wait_for_piece, stack, "kafka")
    back = monotonic()
    target = Suite.of(stack)

    async def nothing_is_amiss() -> bool:
        return not evaluate(await collect(target, handled_types()))

    await until(nothing_is_amiss, "everything that was said is published, in order, and taken in", DRAINED_WITHIN_S)
    watching.cancel()
    return {
        "outcomes": dict(outcomes),
        "memory_before_mb": round(memory[0]),
        "memory_max_mb": round(max(memory)),
        "drained_after_s": round(monotonic() - back),
    }


def main() -> None:
    """Measure on a stack of its own; exit code 1 when something is missing."""
    parser = argparse.ArgumentParser(prog="outage", description=__doc__)
    parser.add_argument("--seconds", type=float, default=120.0)
    parser.add_argument("--rate", type=float, default=200.0)
    options = parser.parse_args()
    directory = Path(tempfile.mkdtemp(prefix="lutong-outage-"))
    stack = up(directory, lambda _: None, dies_with_parent=True, environment_of=as_often_as_it_likes)
    try:
        found = asyncio.run(measure(stack, options.seconds, options.rate))
    finally:
        down(stack, lambda _: None, purge=True)
    sys.stderr.write(json.dumps(found, indent=2) + "\n")
    outcomes = Counter(found["outcomes"])
    sys.stdout.write(
        f"outage: {outcomes['good']} of {sum(outcomes.values())} commands taken without Kafka, memory at most "
        f"{found['memory_max_mb'] / found['memory_before_mb']:.2f} times what it was, 0 lost, 0 out of order\n"
    )


if __name__ == "__main__":
    main()
