"""Hostile texts on a real terminal: posts, poison on a topic and lines of a log, shown by the command line."""

import json
import os
import pty
import re
import subprocess
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from lutong_console.cli.demo.scenarios import Scenario
from lutong_console.cli.screen import json_line
from lutong_console.targets import Suite
from lutong_local.stack import Stack
from tests.support.command_line import COMMAND, Lutong
from tests.support.harness import RawRecord, feed, read_topic, until
from tests.support.injection_strings import MARKUP, TERMINAL, TEXTS

OBEYED = re.compile(
    "[\x00-\x09\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\U000e0000-\U000e007f]"
)
POSTS = "lutong.feed.posts"
PUBLISHED = "lutong.feed.post-published.v1"
"""Other tests leave other events on the topic."""
READERS = ("feed", "registry")
"""The services that consume posts, and set aside what is none."""


def on_a_terminal(lutong: Lutong, *arguments: str) -> list[str]:
    """The lines that a terminal without colours receives from a command; none of them may hold what it would obey."""
    ours, theirs = pty.openpty()
    command = [COMMAND, *arguments]
    environment = lutong.environment | {"TERM": "dumb", "COLUMNS": "200"}
    with subprocess.Popen(command, env=environment, stdin=theirs, stdout=theirs, stderr=theirs) as process:
        os.close(theirs)
        received = b""
        try:
            while part := os.read(ours, 65536):
                received += part
        except OSError:  # the other side is closed
            pass
        assert process.wait(timeout=60) in {0, 1}, received
    os.close(ours)
    lines = received.decode().split("\r\n")
    assert [line for line in lines if OBEYED.search(line)] == []
    return lines


@pytest_asyncio.fixture
async def discarding(scenarios: dict[str, Scenario]) -> AsyncIterator[None]:
    """Discard what was set aside, even when the test fails: others share the stack, and look at what is parked."""
    yield
    for service in READERS:
        for row in await scenarios["a"].ask(service, "GET", "/operations/parked"):
            await scenarios["a"].ask(service, "POST", f"/operations/parked/{row['id']}/discard", reason="hostile")


@pytest.mark.timeout(180)
@pytest.mark.usefixtures("discarding")
async def test_a_terminal_obeys_nothing_that_others_wrote(
    stack: Stack, target: Suite, scenarios: dict[str, Scenario], lutong: Lutong
) -> None:
    journeys = {}
    for text in TEXTS:
        body = json.dumps({"author_id": "zheliban", "text": text})  # in ASCII: half a pair can only be sent so
        headers = {"content-type": "application/json"}
        answer = await scenarios["a"].client.post(f"{target.urls['feed']}/v1/posts", content=body, headers=headers)
        if answer.is_success:
            journeys[text] = answer.json()["journey"]
    assert len(journeys) > 60
    poison = [text for text in (*TERMINAL, *MARKUP) if text.isprintable() or text in TERMINAL][:30]
    await feed(
        target.kafka.bootstrap, POSTS, [RawRecord(text, text.encode(), [("ce_type", text.encode())]) for text in poison]
    )

    async def parked() -> bool:
        asked = [await scenarios["a"].ask(service, "GET", "/operations/parked") for service in READERS]
        return [len(rows) for rows in asked] == [len(poison)] * len(READERS)

    await until(parked, "poison is set aside")
    published = len(await read_topic(target.kafka.bootstrap, POSTS))

    tail = "\n".join(on_a_terminal(lutong, "tail", "posts", "--since", "start", "--limit", str(published)))
    assert all(json_line(text) in tail for text in journeys)
    documents = on_a_terminal(lutong, "tail", "posts", "--since", "start", "--limit", str(published), "--json")
    records = [json.loads(line) for line in documents if line]
    assert {each["event"]["text"] for each in records if each["type"] == PUBLISHED} >= set(journeys)
    assert {each["event"] for each in records if isinstance(each["event"], str)} >= set(poison)

    assert len(on_a_terminal(lutong, "parked", "list")) > len(poison)
    assert len(json.loads(on_a_terminal(lutong, "parked", "list", "--json")[0])) == len(READERS) * len(poison)
    assert any("PostPublished" in line for line in on_a_terminal(lutong, "journey", next(iter(journeys.values()))))

    with (stack.directory / "feed.log").open("a", encoding="utf-8") as log:
        storable = [text for text in TEXTS if text.encode("utf-8", "ignore").decode() == text]
        log.writelines(f"{text}\n" for text in storable)
    written = sum(text.count("\n") + 1 for text in storable)
    assert len([line for line in on_a_terminal(lutong, "logs", "feed", "-n", str(written)) if line]) == written
    shown = on_a_terminal(lutong, "logs", "feed", "-n", str(written), "--json")
    assert "\n".join(json.loads(line)["line"] for line in shown if line) == "\n".join(storable)
