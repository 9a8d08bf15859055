"""make drills: faults that chaos does not draw, one after the other, each with orders before, during and after it.

`python -m tests.drills [NAME …]` prints one line for each. Ends with 1 where one did not hold; what this machine cannot do is skipped,
with the reason.
"""

import argparse
import logging
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Final

from tests.drills import brokers, clocks, disks, failover, memory, networks
from tests.drills.drill import Drill, run
from tests.support.disks import run as system

DRILLS: Final[tuple[Drill, ...]] = (
    *disks.DRILLS,
    *clocks.DRILLS,
    *failover.DRILLS,
    *networks.DRILLS,
    *brokers.DRILLS,
    *memory.DRILLS,
)
_LONGEST_S: Final = 900


def main() -> None:
    """Run the drills that were named, or all of them."""
    parser = argparse.ArgumentParser(prog="drills", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(drill.name for drill in DRILLS))
    parser.add_argument("--keep", action="store_true", help="leave the stack's directory for a look")
    parser.add_argument("--inside", action="store_true", help="run one here, in the network that there is")
    options = parser.parse_args()
    if unknown := set(options.names) - {drill.name for drill in DRILLS}:
        parser.error(f"no such drill: {', '.join(sorted(unknown))}")
    wanted = [drill for drill in DRILLS if not options.names or drill.name in options.names]
    if options.inside:
        sys.exit(0 if _here(wanted[0], keep=options.keep) else 1)
    held = [_apart(drill, keep=options.keep) for drill in wanted]
    sys.exit(0 if all(held) else 1)


def _apart(drill: Drill, *, keep: bool) -> bool:
    """Run a drill as a process of its own, in a network of its own where it breaks the network."""
    if why := drill.lacks():
        sys.stdout.write(f"drill {drill.name}: skipped: {why}\n")
        return True
    network = ["unshare", "--net", "--"] if drill.own_network else []
    command = [*network, sys.executable, "-m", "tests.drills", "--inside", drill.name, *(["--keep"] if keep else [])]
    try:
        ended = subprocess.run(command, check=False, timeout=_LONGEST_S).returncode
    except subprocess.TimeoutExpired:
        sys.stdout.write(f"drill {drill.name}: failed: not over after {_LONGEST_S} s\n")
        return False
    if ended not in {0, 1}:
        sys.stdout.write(f"drill {drill.name}: failed: ended with {ended}\n")
    return ended == 0


def _here(drill: Drill, *, keep: bool) -> bool:
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)  # that Kafka is away at times is the point
    if drill.own_network:
        system("ip", "link", "set", "lo", "up")
    place = Path(tempfile.mkdtemp(prefix=f"lutong-drill-{drill.name}-"))
    place.chmod(0o755)  # PostgreSQL is `nobody` where we are root
    try:
        return run(drill, place / "stack", keep=keep)
    finally:
        if not keep:
            shutil.rmtree(place, ignore_errors=True)


if __name__ == "__main__":
    main()
