"""Processes that are forked instead of imported anew: they are as alone as any other."""

import os
import signal
import subprocess
import sys
from pathlib import Path

from lutong_local.forkserver import fork
from lutong_local.processes import Child
from tests.support.harness import until

ASKS_FOR_A_SLEEPER = """
import time
from lutong_local.forkserver import fork
if __name__ == "__main__":
    print(fork(time.sleep, 600).pid, flush=True)
    time.sleep(600)
"""


def report_what_it_sees() -> None:
    sys.stdout.write(f"{sorted(os.environ)} in session {os.getsid(0)}, with {sorted(_services())}\n")
    sys.stderr.write("and this\n")
    raise SystemExit(3)


def _services() -> list[str]:
    return [name for name in sys.modules if name.startswith("lutong_") and name.endswith(".app")]


def test_a_fork_has_only_its_settings_and_the_suite_imported(tmp_path: Path) -> None:
    process = fork(report_what_it_sees, environment={"LUTONG_PROFILE": "test"}, log=tmp_path / "log")
    process.join(60)
    assert process.exitcode == 3
    services = ["lutong_feed.app", "lutong_inventory.app", "lutong_membership.app", "lutong_registry.app"]
    line = f"['LUTONG_PROFILE'] in session {process.pid}, with {services}"
    assert sorted((tmp_path / "log").read_text().splitlines()) == [line, "and this"]


async def test_a_fork_ends_when_its_parent_is_killed() -> None:
    with subprocess.Popen([sys.executable, "-c", ASKS_FOR_A_SLEEPER], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout
        sleeper = Child.of(int(parent.stdout.readline()), Path(os.devnull))
        assert sleeper.alive
        parent.send_signal(signal.SIGKILL)

        async def gone() -> bool:
            return not sleeper.alive

        await until(gone, "the fork ends with its parent")
