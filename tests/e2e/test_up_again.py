"""`lutong up` on a stack of which something runs: what is missing comes back, and nothing else is touched."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from threading import Timer

import httpx
import pytest

from lutong_local.processes import Child, wait
from lutong_local.stack import Stack, load
from tests.support.command_line import COMMAND, Lutong

pytestmark = pytest.mark.timeout(180)


@pytest.fixture(scope="module")
def lutong(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lutong]:
    """The command line with a stack of its own: these tests kill parts of it."""
    lutong = Lutong(os.environ | {"LUTONG_HOME": str(tmp_path_factory.mktemp("again")), "LUTONG_STACK": "again"})
    try:
        assert lutong("up", timeout_s=120).returncode == 0
        yield lutong
    finally:
        lutong("down", "--purge", timeout_s=120)


def running(lutong: Lutong) -> Stack:
    stack = load(Path(lutong.environment["LUTONG_HOME"]) / "again")
    assert stack is not None
    return stack


def kill(stack: Stack, piece: str) -> None:
    os.kill(stack.children[piece].pid, signal.SIGKILL)
    assert wait(lambda: not stack.runs(piece), 30)


@pytest.mark.parametrize("pieces", [("feed",), ("registry", "inventory"), ("kafka",), ("postgres", "membership")])
def test_up_starts_only_what_is_missing(pieces: tuple[str, ...], lutong: Lutong) -> None:
    before = running(lutong)
    for piece in pieces:
        kill(before, piece)
    done = lutong("up", timeout_s=120)
    after = running(lutong)
    assert done.returncode == 0, done.stderr
    assert {name for name, child in after.children.items() if child != before.children[name]} == set(pieces)
    assert after.ports == before.ports
    assert lutong("status").returncode == 0


def test_up_with_nothing_missing_touches_nothing(lutong: Lutong) -> None:
    before = running(lutong).children
    assert lutong("up").returncode == 0
    assert running(lutong).children == before


def test_up_waits_for_a_service_that_is_stopping(lutong: Lutong) -> None:
    before = running(lutong)
    feed = before.children["feed"]
    os.kill(feed.pid, signal.SIGSTOP)  # it neither answers nor has ended
    process = subprocess.Popen([COMMAND, "up"], env=lutong.environment, stderr=subprocess.PIPE, text=True)
    assert process.stderr is not None
    lines = iter(process.stderr.readline, "")
    assert any("feed runs and is not ready: waiting until it is, or has ended" in line for line in lines)
    assert process.poll() is None
    os.kill(feed.pid, signal.SIGKILL)
    _, rest = process.communicate(timeout=90)
    assert (process.returncode, "starting feed" in rest) == (0, True)
    after = running(lutong).children
    assert {name for name in after if after[name] != before.children[name]} == {"feed"}


def test_up_waits_for_a_console_that_is_ending(lutong: Lutong) -> None:
    """It has closed its port, and its process is still there: as one that saw the stack end a moment before this start."""
    written_down = Path(lutong.environment["LUTONG_HOME"]) / "again" / "console.json"
    before = json.loads(written_down.read_text(encoding="utf-8"))
    os.kill(before["pid"], signal.SIGTERM)
    assert wait(lambda: not Child(before["pid"], before["started"], "").alive)
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as ending:
        of = {"pid": ending.pid, "started": Child.of(ending.pid, written_down).started}
        written_down.write_text(json.dumps(before | of), encoding="utf-8")
        Timer(4, ending.terminate).start()
        done = lutong("up", "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(written_down.read_text(encoding="utf-8"))["pid"] != ending.pid
    assert httpx.get(json.loads(done.stdout)["console"], trust_env=False).status_code < 400


def test_a_demo_leaves_a_stack_that_ran_before(lutong: Lutong) -> None:
    before = running(lutong).children
    done = lutong("demo", "--stack", "again", timeout_s=120)
    assert done.returncode == 0, done.stderr
    assert running(lutong).children == before
    assert lutong("status").returncode == 0


def test_restart_is_of_one_service(lutong: Lutong) -> None:
    before = running(lutong).children
    done = lutong("restart", "registry")
    after = running(lutong).children
    assert (done.returncode, done.stdout) == (0, "registry is ready again\n")
    assert {name for name in after if after[name] != before[name]} == {"registry"}


def test_doctor_names_what_brings_an_ended_process_back(lutong: Lutong) -> None:
    kill(running(lutong), "inventory")
    found = " ".join(lutong("doctor").stdout.split())
    assert "inventory: its process has ended; its log ends at 20" in found
    assert "lutong up" in found
    assert "inventory does not answer" not in found
    assert lutong("up", timeout_s=120).returncode == 0
    assert "its process has ended" not in lutong("doctor").stdout


def test_an_unknown_stack_is_answered_with_those_that_run(lutong: Lutong) -> None:
    for command in ("status", "doctor", "verify", "tail"):
        done = lutong(command, "--stack", "ops2")
        assert "no stack is running under the name 'ops2'; running: again" in done.stderr
        assert (done.returncode, "next: lutong up --stack ops2" in done.stderr) == (3, True)
