"""Every example of docs/publishing.md runs as it is printed, and has the effect that the page promises."""

import asyncio
import os
import re
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
import pytest_asyncio

from lutong_chassis.auth import Principal
from lutong_chassis.testing import create_database, drop_database
from lutong_console.cli.demo.scenarios import Scenario
from lutong_console.targets import Suite
from lutong_contracts import event_types
from lutong_local.stack import Stack
from tests.support.harness import until

PAGE = (Path(__file__).parents[2] / "docs" / "publishing.md").read_text(encoding="utf-8")
EXAMPLES = re.findall(r"```(\w+)\n(.*?)```", PAGE, re.DOTALL)


class Rounds:
    """In place of a threading.Event: ends the loop after a number of rounds, without waiting between them."""

    def __init__(self, left: int) -> None:
        self.left = left

    def wait(self, timeout: float) -> bool:  # noqa: ARG002  # Event's signature
        self.left -= 1
        return self.left < 0


@pytest_asyncio.fixture
async def names(stack: Stack, target: Suite) -> AsyncIterator[dict[str, str]]:
    """What the page calls by names of the reader's own, and what that is here."""
    database = await create_database(stack.admin_url, "cms")
    yield {
        "https://feed.example": target.urls["feed"],
        "postgresql://cms@db.example/cms": database,
        "kafka.example:9092": target.kafka.bootstrap,
    }
    await drop_database(stack.admin_url, "cms")


def run_python(code: str, names: dict[str, str], known: dict[str, Any]) -> None:
    for there, here in names.items():
        code = code.replace(there, here)
    exec(compile(code, "docs/publishing.md", "exec"), known)  # noqa: S102  # our own page


async def there(scenario: Scenario, post_id: str) -> bool:
    answer = await scenario.client.get(f"{scenario.target.urls['feed']}/v1/posts/{post_id}")
    return answer.status_code == 200 and answer.json()["card"]["state"] != "resolving"


async def test_the_examples_in_python_do_what_the_page_promises(
    stack: Stack, names: dict[str, str], scenarios: dict[str, Scenario]
) -> None:
    rounds, scenario = Rounds(3), scenarios["a"]
    known: dict[str, Any] = {"token": stack.signer.token(Principal("cms", "operator")), "stopping": rounds}
    for language, code in EXAMPLES:
        if language == "python":
            run_python(code, names, known)
    await known["publish"]()
    assert rounds.left < 0
    assert isinstance(known["connection"], psycopg.Connection)
    assert not known["connection"].closed
    known["connection"].close()
    known["publisher"].close()
    for name in ("cms-1", "cms-2", "cms-3", "cms-4"):
        await until(lambda name=name: there(scenario, name), f"post {name} exists")  # type: ignore[misc]


@pytest.fixture
def shell(stack: Stack, target: Suite) -> dict[str, str]:
    """The environment of a reader who has the suite's command line."""
    return os.environ | {
        "FEED": target.urls["feed"],
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "LUTONG_HOME": str(stack.directory.parent),
        "LUTONG_STACK": stack.directory.name,
    }


async def test_the_example_for_the_shell_is_accepted(shell: dict[str, str], scenarios: dict[str, Scenario]) -> None:
    [code] = [code for language, code in EXAMPLES if language == "console"]
    code = code.replace("cms-1", f"curl-{scenarios['a'].viewer}")
    done = await asyncio.create_subprocess_exec("/bin/bash", "-c", code, env=shell, stdout=asyncio.subprocess.PIPE)
    output, _ = await done.communicate()
    assert '"status":"accepted"' in output.decode()


def test_the_page_tells_of_every_type_whether_kafka_takes_it() -> None:
    rows = re.findall(r"^\| `(lutong\.[\w.\-]+)` \| (\w+) \| `([\w.]+)` \|", PAGE, re.MULTILINE)
    open_types = [event for event in event_types().values() if event.from_others]
    assert rows == [(event.type, event.topic.owner, event.topic.name) for event in open_types]
    assert "| every other type | no" in PAGE
