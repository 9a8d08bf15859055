"""`lutong` in pipes, scripts, odd charsets and narrow terminals, as other tools of an operator behave."""

import asyncio
import fcntl
import json
import os
import pty
import re
import signal
import struct
import subprocess
import sys
import termios
import time
from pathlib import Path

import pytest

from lutong_console.cli.demo.roads import ROADS
from lutong_console.cli.demo.scenarios import Scenario
from lutong_console.targets import Suite
from lutong_local.stack import Stack, load
from tests.e2e.conftest import walking
from tests.support.command_line import COMMAND, Lutong

ESCAPE = "\x1b["


def in_a_shell(lutong: Lutong, script: str) -> subprocess.CompletedProcess[str]:
    """A script in bash, with pipefail, in which `lutong` is ours."""
    path = f"{Path(COMMAND).parent}{os.pathsep}{os.environ['PATH']}"
    return subprocess.run(
        ["/bin/bash", "-o", "pipefail", "-c", script], env=lutong.environment | {"PATH": path},
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip


def in_bytes(lutong: Lutong, *arguments: str) -> subprocess.CompletedProcess[bytes]:
    """A command whose output may be in any charset."""
    return subprocess.run([COMMAND, *arguments], env=lutong.environment, capture_output=True, timeout=60, check=False)


def in_a_terminal(lutong: Lutong, *arguments: str, columns: int = 80) -> str:
    """What a terminal of so many columns is given."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    environment = {name: value for name, value in lutong.environment.items() if name not in {"COLUMNS", "LINES"}}
    process = subprocess.Popen([COMMAND, *arguments], env=environment, stdin=theirs, stdout=theirs, stderr=theirs)
    os.close(theirs)
    shown = b""
    try:
        while part := os.read(ours, 65_536):
            shown += part
    except OSError:  # the other end is closed
        pass
    process.wait(30)
    os.close(ours)
    return re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", shown.decode()).replace("\r", "")


@pytest.fixture(scope="module")
def journey(stack: Stack) -> str:
    """The journey of a post that was solved in place."""

    async def walked() -> str:
        async with walking(Suite.of(stack)) as people:
            await ROADS[0].walk(people["a"])
            return people["a"].journey

    return asyncio.run(walked())


@pytest.mark.parametrize("command", ["tail --since start", "topics list", "--help", "journey {journey}", "verify"])
def test_a_reader_that_stops_is_no_problem(command: str, lutong: Lutong, journey: str) -> None:
    done = in_a_shell(lutong, f"lutong {command.format(journey=journey)} | head -1")
    assert (done.returncode, done.stderr, len(done.stdout.splitlines())) == (0, "", 1)


@pytest.mark.parametrize("arguments", [("tail",), ("logs", "--follow"), ("verify", "--live", "60")])
def test_ctrl_c_is_130(arguments: tuple[str, ...], lutong: Lutong) -> None:
    process = subprocess.Popen(
        [COMMAND, *arguments], env=lutong.environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    )
    until_it_sleeps(process.pid)
    process.send_signal(signal.SIGINT)
    _, output = process.communicate(timeout=30)
    assert (process.returncode, "Traceback" in output) == (130, False)


def until_it_sleeps(pid: int) -> None:
    """Wait until a process has loaded what it needs: it sleeps, and has used no processor, ten looks in a row.

    One that waits for a processor does not sleep.
    """
    deadline, used, looks = time.monotonic() + 60, -1, 0
    while looks < 10:
        assert time.monotonic() < deadline, "it does not come to rest"
        stat = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        ticks = sum(map(int, stat[11:13]))
        looks = looks + 1 if (stat[0], ticks) == ("S", used) and ticks > 20 else 0
        used = ticks
        time.sleep(0.05)  # until the next look


def test_ctrl_c_while_it_loads_shows_no_traceback(lutong: Lutong) -> None:
    code = (
        "import os, signal, sys, builtins\nfound = builtins.__import__\n"
        "def interrupted(name, *rest, **more):\n"
        "    if name == 'lutong_console.cli.main': os.kill(os.getpid(), signal.SIGINT)\n"
        "    return found(name, *rest, **more)\n"
        "builtins.__import__ = interrupted\nfrom lutong_console.cli.entry import main\nmain()"
    )
    done = subprocess.run([sys.executable, "-c", code], env=lutong.environment, capture_output=True, check=False)
    assert (done.returncode, done.stderr) == (-signal.SIGINT, b"")


@pytest.mark.usefixtures("journey")
def test_force_color_makes_no_terminal_of_a_pipe(lutong: Lutong) -> None:
    for variable in ("FORCE_COLOR", "TTY_COMPATIBLE"):
        coloured = lutong.having(**{variable: "1"})
        shown = coloured("tail", "posts", "--since", "start", "--limit", "1").stdout
        assert [json.loads(line)["topic"] for line in shown.splitlines()] == ["lutong.feed.posts"]
        assert ESCAPE not in coloured("topics", "list").stdout + coloured("status").stderr


@pytest.fixture(scope="module")
def odd_text(stack: Stack) -> tuple[str, str]:
    """What a post with characters that few charsets have begins with, and its journey."""

    async def published() -> tuple[str, str]:
        text = "面膜补货了 🎉 𠮷"
        async with walking(Suite.of(stack)) as people:
            await people["a"].publish("zheliban", f"{text} 公积金")
            return text, people["a"].journey

    return asyncio.run(published())


@pytest.mark.parametrize(
    "environment",
    [{"PYTHONIOENCODING": "gbk"}, {"PYTHONIOENCODING": "ascii"},
     {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}],
)  # fmt: skip
def test_a_charset_without_a_character_gets_its_escape(
    environment: dict[str, str], lutong: Lutong, odd_text: tuple[str, str]
) -> None:
    text, journey = odd_text
    arguments = ("tail", "posts", "--since", "start", "--journey", journey, "--limit", "1")
    odd = lutong.having(**environment)
    done = in_bytes(odd, *arguments)
    assert (done.returncode, b"Traceback" in done.stderr) == (0, False)
    charset = environment.get("PYTHONIOENCODING", "ascii")
    assert json.loads(done.stdout.decode(charset))["event"]["text"].startswith(text)
    assert b"Traceback" not in in_bytes(odd, "journey", journey).stderr


async def test_eighty_columns_break_no_id_and_no_topic(lutong: Lutong, scenarios: dict[str, Scenario]) -> None:
    await ROADS[1].walk(scenarios["b"])
    journey = in_a_terminal(lutong, "journey", scenarios["b"].journey)
    for step in scenarios["b"].seen:
        assert step.key in journey
    topics = in_a_terminal(lutong, "topics", "list")
    for name in ("lutong.feed.posts", "lutong.membership.agreements", "lutong.inventory.stock"):
        assert name in topics


@pytest.mark.usefixtures("journey")
def test_tail_in_a_terminal_shows_its_date_and_zone(lutong: Lutong) -> None:
    shown = in_a_terminal(lutong, "tail", "posts", "--since", "start", "--limit", "1")
    assert re.search(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3}Z ", shown)
    assert "listening to 1 topic; times are UTC" in shown


def test_the_version_is_printed(lutong: Lutong) -> None:
    assert re.fullmatch(r"lutong \d+\.\d+\.\d+\n", lutong("--version").stdout)


def test_a_short_reason_is_about_its_option(lutong: Lutong) -> None:
    done = lutong("parked", "redrive", "feed", "1", "--reason", "x")
    assert (done.returncode, done.stderr) == (2, "error --reason is too short: at least 3 characters\n")


@pytest.mark.parametrize("name", ["a/../../../../srv/esc", "/srv/esc", ".", "..", "a b", "", "a_b", "路"])
@pytest.mark.parametrize("command", ["up", "down", "demo", "status", "logs"])
def test_a_stack_with_a_name_that_is_a_path_is_refused(command: str, name: str, lutong: Lutong) -> None:
    done = lutong(command, "--stack", name)
    assert done.returncode == 2
    assert "a stack's name has 1 to 64 letters, digits and dashes" in " ".join(done.stderr.split())


def test_the_next_command_names_the_stack_that_was_given(lutong: Lutong) -> None:
    assert "next: lutong up --stack ops2" in lutong("status", "--stack", "ops2").stderr
    assert "--stack" not in lutong.having(LUTONG_STACK="ops2")("status").stderr.partition("next:")[2]


@pytest.mark.parametrize("ending", ["\n", "\r\n", "  "])
def test_a_token_out_of_a_file_may_end_with_its_line(ending: str, lutong: Lutong) -> None:
    token = lutong("token", "--role", "operator").stdout.strip()
    assert lutong.having(LUTONG_TOKEN=token + ending)("parked", "list").returncode == 0


@pytest.mark.parametrize("token", ["a\nb", "a b", "令牌"])
def test_a_token_that_is_none_is_a_usage_error(token: str, lutong: Lutong) -> None:
    done = lutong.having(LUTONG_TOKEN=token)("parked", "list")
    assert (done.returncode, "LUTONG_TOKEN must be printable ASCII without spaces" in done.stderr) == (2, True)


@pytest.mark.parametrize("since", ["²m", "9999999d", "99999999999999999999s", "-1m", "m", ""])
def test_a_time_that_is_none_is_a_usage_error(since: str, lutong: Lutong) -> None:
    done = lutong("tail", "--since", since, "--limit", "1", "posts")
    assert (done.returncode, "is not a time" in done.stderr) == (2, True)


def test_every_topic_that_is_named_must_exist(lutong: Lutong) -> None:
    done = lutong("tail", "orders", "hodls")
    assert (done.returncode, "there is no topic 'hodls'" in done.stderr) == (2, True)


def test_what_verify_looks_at_is_described_in_words(lutong: Lutong) -> None:
    assert "every event is taken in once, or set aside" in lutong("verify").stdout


@pytest.mark.timeout(120)
def test_up_whose_reader_has_gone_leaves_nothing_behind(tmp_path: Path) -> None:
    home, read = tmp_path, os.pipe()
    command = [COMMAND, "up", "--stack", "cut"]
    process = subprocess.Popen(command, env=os.environ | {"LUTONG_HOME": str(home)}, stdout=read[1], stderr=read[1])
    os.close(read[1])
    with os.fdopen(read[0], "rb", buffering=0) as shown:
        assert any(b"starting" in line for line in shown)
    assert process.wait(100) == 1
    stack = load(home / "cut")
    assert isinstance(stack, Stack)
    assert [name for name, child in stack.children.items() if child.alive] == []
    in_it = [each for each in Path("/proc").glob("[0-9]*/cmdline") if str(home).encode() in readable(each)]
    assert in_it == []


def readable(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:  # it has ended
        return b""
