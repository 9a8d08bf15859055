"""`lutong` as one tool among others: odd arguments are usage, what fails is a sentence, and nothing is a traceback."""

import os
import subprocess
import sys
from pathlib import Path

import asyncpg
import httpx
import pytest

from lutong_console.cli import frame
from lutong_console.cli.errors import PROBLEM, UNREACHABLE, USAGE, ConsoleError
from tests.support.command_line import COMMAND, Lutong

USAGES = [
    *(
        ("verify", option, value)
        for option in ("--settle", "--live")
        for value in ("nan", "inf", "-1", "1e400", "9e9", "soon", "²")
    ),
    *(("verify", "--history", file) for file in ("/nonexistent", "/", "pyproject.toml")),
    *(("tail", "--since", value) for value in ("²m", "9999999d", "9" * 5000 + "s", "1e3s", "٣m", "5 m")),
    *(("tail", "--until", value) for value in ("²m", "9999999d", "tomorrow")),
    *(("audit", "--since", value) for value in ("²m", "9999999d", "yesterday")),
    *(("audit", "--limit", value) for value in ("0", "-1", "²", "1" * 5000, "1e3")),
    *(("tail", "--limit", value) for value in ("-1", "²", "1.5", "9" * 5000)),
    *(("logs", "--lines", value) for value in ("0", "-1", "²")),
    *(("token", "--minutes", value) for value in ("0", "-5", "²", "9" * 30)),
    *(("parked", "show", "feed", value) for value in ("x", "²", "9" * 5000)),
    ("journey", ""),
    ("journey", "x" * 5000),
    ("up", "--stack", "../x"),
]


@pytest.fixture
def lutong(tmp_path: Path) -> Lutong:
    """The command line where nothing runs."""
    return Lutong({"PATH": os.environ["PATH"], "HOME": str(tmp_path), "LUTONG_HOME": str(tmp_path), "LANG": "C.UTF-8"})


@pytest.mark.parametrize("arguments", USAGES, ids=lambda arguments: " ".join(arguments)[:40])
def test_an_argument_that_makes_no_sense_is_usage(arguments: tuple[str, ...], lutong: Lutong) -> None:
    done = lutong(*arguments)
    assert (done.returncode, "Traceback" in done.stderr, done.stdout) == (USAGE, False, "")


@pytest.mark.parametrize(
    "command",
    [
        "status",
        "tail",
        "verify",
        "doctor",
        "journey x",
        "parked list",
        "audit",
        "uplift x",
        "parked show feed 1",
        "republish --reason xyz --since 1h",
    ],
)
def test_where_nothing_runs_is_unreachable(command: str, lutong: Lutong) -> None:
    done = lutong(*command.split())
    assert (done.returncode, "Traceback" in done.stderr) == (UNREACHABLE, False)
    assert "next: lutong up" in done.stderr


def _run(lutong: Lutong, script: str) -> subprocess.CompletedProcess[bytes]:
    """The installed program, in a shell."""
    variables = lutong.environment | {"PATH": f"{Path(COMMAND).parent}{os.pathsep}{lutong.environment['PATH']}"}
    return subprocess.run(
        ["/bin/bash", "-o", "pipefail", "-c", script], env=variables, capture_output=True, timeout=60, check=False
    )


@pytest.mark.parametrize(
    ("script", "code"),
    [
        ("lutong --help | head -1", 0),
        ("lutong --help >&-", 0),
        ("lutong --help 2>&-", 0),
        ("lutong status 2>&-", UNREACHABLE),
        ("lutong --help > /dev/full", PROBLEM),
        ("COLUMNS=5 lutong --help", 0),
        ("COLUMNS=x LINES=-1 lutong --help", 0),
        ("NO_COLOR= FORCE_COLOR=1 lutong --help", 0),
        ("TERM= lutong --help", 0),
        ("LC_ALL=zh_CN.GBK lutong --help", 0),
        ("LC_ALL=C PYTHONUTF8=0 PYTHONCOERCECLOCALE=0 lutong journey 路", UNREACHABLE),
        ("PYTHONIOENCODING=gbk lutong journey 𠮷", UNREACHABLE),
        ("lutong journey $'\\xff'", UNREACHABLE),
        ("lutong journey -- --x", UNREACHABLE),
        ("lutong nosuch", USAGE),
        ("LUTONG_HOME=/dev/null/x lutong status", UNREACHABLE),
    ],
)
def test_a_shell_is_given_an_exit_code_and_no_traceback(script: str, code: int, lutong: Lutong) -> None:
    done = _run(lutong, script)
    assert (done.returncode, b"Traceback" in done.stderr, b"Exception" in done.stderr) == (code, False, False)
    assert b"\x1b[" not in done.stdout + done.stderr


@pytest.mark.parametrize(
    ("error", "code", "words"),
    [
        (FileNotFoundError(2, "No such file or directory", "/x"), PROBLEM, "/x: No such file or directory"),
        (OSError(28, "No space left on device"), PROBLEM, "No space left on device"),
        (ConnectionRefusedError(111, "Connection refused"), UNREACHABLE, "does not answer"),
        (TimeoutError(), UNREACHABLE, "does not answer: TimeoutError"),
        (asyncpg.InvalidPasswordError("no"), UNREACHABLE, "PostgreSQL does not do it: no"),
        (httpx.InvalidURL("odd"), UNREACHABLE, "a service does not do it: odd"),
        (ExceptionGroup("two", [ExceptionGroup("one", [ConsoleError("it is that")])]), PROBLEM, "it is that"),
        (KeyError("x"), PROBLEM, "this is a bug of lutong: KeyError: 'x'"),
    ],
)
def test_what_no_command_foresaw_is_a_sentence(error: Exception, code: int, words: str) -> None:
    found = frame.explained(error)
    assert (found.code, words in str(found)) == (code, True)


def test_an_argument_in_another_charset_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["lutong", "journey", "\udcff"])
    with pytest.raises(UnicodeEncodeError) as odd:
        "\udcff".encode()
    assert frame.explained(odd.value).code == USAGE
