"""Every command that the pages for operators show is run on the first day, or stands there with the reason why not."""

import re
from pathlib import Path

import pytest

from tests.compose.test_first_day import PAGE, Step, steps

DOCS = Path(__file__).parents[3] / "docs"
PAGES = [DOCS / "deploy.md", DOCS / "security.md", *sorted((DOCS / "runbooks").glob("*.md"))]
_GROUPS = ("acl", "databases", "parked", "topics", "upgrade")


def named(text: str) -> set[str]:
    """The commands of `lutong` in a text: `parked show` of a group, `doctor` alone."""
    found = re.findall(r"\blutong ([a-z][a-z-]+)(?: ([a-z]+))?", text)
    return {f"{first} {second}" if first in _GROUPS and second else first for first, second in found}


def shown(page: str) -> set[str]:
    """Those that a page shows as code."""
    consoles = re.findall(r"```console\n(.*?)```", page, re.DOTALL)
    inline = re.findall(r"`([^`\n]+)`", re.sub(r"```.*?```", "", page, flags=re.DOTALL))
    return set().union(*map(named, consoles + inline))


@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.stem)
def test_every_command_of_a_page_is_run_or_has_a_reason(page: Path) -> None:
    day = PAGE.read_text(encoding="utf-8")
    reasons = named(day.partition("## Not on the first day")[2])
    run = set().union(*(named(step.command) for step in steps(day)))
    missing = shown(page.read_text(encoding="utf-8")) - run - reasons
    assert missing == set()


def test_the_control_a_command_that_is_nowhere_is_found() -> None:
    assert shown("Try `lutong juggle` now.") == {"juggle"}


def test_a_step_has_its_exit_code_and_what_it_prints() -> None:
    page = "```console\nlutong doctor   # => exit code 1: quiet since\nlutong up # comment\nlutong lag # => feed\n```"
    assert list(steps(page)) == [
        Step("lutong doctor", 1, "quiet since"),
        Step("lutong up # comment", 0, ""),
        Step("lutong lag", 0, "feed"),
    ]
