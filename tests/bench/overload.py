"""How much good a service does when five times too much is asked of it, and how soon it is well again.

`python -m tests.bench.overload` finds the peak of one service (viewers opening a card), then asks
five times that for a minute, then half of it. Prints goodput as a share of the peak, measured in one run.
"""

import argparse
import asyncio
import json
import sys
import tempfile
from pathlib import Path
from typing import Any

from lutong_console.targets import Suite
from lutong_local.stack import Stack, down, up
from tests.bench.load import CONNECTIONS, Load, as_often_as_it_likes, as_operator
from tests.chaos import world

AT_ONCE = 48
"""Requests in progress at the peak: fewer than are admitted, enough to keep the service busy."""


def measure(stack: Stack, duration_s: float) -> dict[str, Any]:
    """Peak, overload, recovery."""
    as_operator(stack)
    url = f"{stack.url('feed')}/v1/posts/{asyncio.run(_card(stack))}/card/taps"
    Load(url, AT_ONCE).ask_for(10)  # warm
    peak = Load(url, AT_ONCE).ask_for(duration_s / 2)
    peak_per_s = peak["good"] / (duration_s / 2)
    overloaded = Load(url, CONNECTIONS, 5 * peak_per_s).ask_for(duration_s)
    after = Load(url, CONNECTIONS, peak_per_s / 2).ask_for(10)
    return {
        "peak_per_s": round(peak_per_s),
        "asked_of_peak": round(sum(overloaded.values()) / duration_s / peak_per_s, 1),
        "goodput_of_peak": round(overloaded["good"] / duration_s / peak_per_s, 2),
        "overloaded": dict(overloaded),
        "good_afterwards": round(after["good"] / sum(after.values()), 3),
        "afterwards": dict(after),
    }


async def _card(stack: Stack) -> str:
    async with Suite.of(stack).client(20) as client:
        return await world.build_and_wait(client, stack)


def main() -> None:
    """Measure on a stack of its own; exit code 1 when goodput falls below 80 % of the peak."""
    parser = argparse.ArgumentParser(prog="overload", description=__doc__)
    parser.add_argument("--seconds", type=float, default=60.0)
    options = parser.parse_args()
    directory = Path(tempfile.mkdtemp(prefix="lutong-overload-"))
    stack = up(directory, lambda _: None, dies_with_parent=True, environment_of=as_often_as_it_likes)
    try:
        found = measure(stack, options.seconds)
    finally:
        down(stack, lambda _: None, purge=True)
    sys.stderr.write(json.dumps(found, indent=2) + "\n")
    sys.stdout.write(
        f"overload: {found['goodput_of_peak']:.0%} of peak goodput at {found['asked_of_peak']} times the load, "
        f"{found['good_afterwards']:.1%} good within ten seconds afterwards\n"
    )
    sys.exit(0 if found["goodput_of_peak"] >= 0.8 and found["good_afterwards"] > 0.99 else 1)


if __name__ == "__main__":
    main()
