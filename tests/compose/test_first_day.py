"""docs/first-day.md, command by command, in a checkout of its own; and no command of the other pages is missing from it."""

import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

import pytest
from uuid_utils.compat import uuid7

from lutong_local.ports import free_port
from tests.compose.containers import PORTS, engine

ROOT: Final = Path(__file__).parents[2]
PAGE: Final = ROOT / "docs" / "first-day.md"
_LIMIT_S: Final = 1_500
_MARK: Final = "@@first-day@@"


class Step(NamedTuple):
    """A command of the page, the exit code that it must have and what it must print."""

    command: str
    code: int
    prints: str


def steps(page: str) -> Iterator[Step]:
    """The commands of a page's consoles; `# => exit code 1: text` or `# => text` is behind them."""
    for block in re.findall(r"```console\n(.*?)```", page, re.DOTALL):
        for line in filter(str.strip, block.splitlines()):
            command, _, expected = line.partition("# => ")
            code = re.match(r"exit code (\d+)(?:: )?", expected)
            yield Step(command.strip(), int(code[1]) if code else 0, expected[code.end() if code else 0 :].strip())


def script(found: list[Step]) -> str:
    """One shell runs them all, and ends at the first that ends with another exit code."""
    return "\n".join(
        f"echo '{_MARK} {number}'\n{step.command}\nleft=$?; [ $left = {step.code} ] || {{ echo '{_MARK} ended with' $left; exit 97; }}"
        for number, step in enumerate(found)
    )


def test_every_command_of_the_first_day_does_what_the_page_states(tmp_path: Path) -> None:
    if why := engine():
        pytest.skip(why)
    checkout = tmp_path / "lutong"
    subprocess.run(["git", "clone", "--quiet", str(ROOT), str(checkout)], check=True)
    project = f"lutong-day-{uuid7().hex[-8:]}"
    ports = "".join(f"LUTONG_{name}_PORT={free_port()}\n" for name in PORTS)
    (checkout / "deploy" / ".env").write_text(f"COMPOSE_PROJECT_NAME={project}\n{ports}", encoding="utf-8")
    ours = ("LUTONG_", "COMPOSE_", "VIRTUAL_ENV")
    environment = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
    found = list(steps(PAGE.read_text(encoding="utf-8")))
    try:
        done = subprocess.run(
            ["bash", "-c", script(found)], cwd=checkout, env=environment, stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=_LIMIT_S, check=False,
        )  # fmt: skip
    finally:
        stop = ["docker", "compose", "--project-name", project, "--profile", "*", "down", "--volumes", "--timeout", "5"]
        subprocess.run(stop, cwd=checkout / "deploy", env=environment, capture_output=True, timeout=300, check=False)
    printed = re.split(rf"{_MARK} \d+\n", done.stdout)[1:]
    assert done.returncode == 0, f"{found[len(printed) - 1].command}\n{printed[-1]}"
    wrong = {step.command: text for step, text in zip(found, printed, strict=True) if step.prints not in text}
    assert wrong == {}
