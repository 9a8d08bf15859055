"""What others wrote is data on a terminal too: nothing in it is obeyed, nothing in it is markup."""

import io
import re

import orjson
import pytest
from rich.console import Console

from lutong_console.cli import screen
from lutong_console.cli.screen import Screen, json_line, line, plain, table
from tests.support.injection_strings import MARKUP, TEXTS

SGR = re.compile(r"\x1b\[[0-9;]*m")
"""What colours a terminal and does nothing else: ours, when it is whole."""
STORED = [text for text in TEXTS if text.encode("utf-8", "ignore").decode() == text]
"""Texts that are Unicode: half of a surrogate pair never comes out of UTF-8."""


def shown(kind: type[Console], *printed: object, colour: bool = False, **arguments: object) -> str:
    """What arrives at a terminal."""
    terminal = io.StringIO()
    console = kind(
        file=terminal, force_terminal=True, color_system="standard" if colour else None, width=200, highlight=False,
        soft_wrap=True, markup=kind is Console, emoji=kind is Console,
    )  # fmt: skip
    console.print(*printed, **arguments)  # type: ignore[arg-type]  # rich's own options
    return terminal.getvalue()


def is_harmless(text: str) -> bool:
    return not screen._OBEYED.search(text)


@pytest.mark.parametrize("text", TEXTS)
def test_a_text_is_shown_and_not_obeyed(text: str) -> None:
    for arrived in (
        shown(Screen, text),
        shown(Screen, line(("key", "bold"), " ", text)),
        shown(Screen, table(["text"], [(text,)])),
    ):
        assert is_harmless(arrived)
    assert shown(Screen, line(("key", "bold"), " ", text)) == f"key {plain(text)}\n"
    assert "\n" not in plain(text)


@pytest.mark.parametrize("text", MARKUP)
def test_markup_in_a_text_is_part_of_the_text(text: str) -> None:
    coloured = shown(Screen, line(("key", "bold"), " ", text), colour=True)
    assert coloured == f"\x1b[1mkey\x1b[0m {plain(text)}\n"
    assert plain(text) in shown(Screen, table(["text"], [(text,)]), colour=True)


@pytest.mark.parametrize("text", STORED)
def test_a_json_line_is_harmless_and_keeps_its_meaning(text: str) -> None:
    document = json_line({"text": text, text: [text]})
    assert is_harmless(document)
    assert orjson.loads(document) == {"text": text, text: [text]}


def test_negative_control_the_console_as_it_comes_obeys_dozens() -> None:
    obeyed = [text for text in TEXTS if not is_harmless(shown(Console, text, markup=False))]
    assert len(obeyed) > 30
    assert sum(plain(text) not in shown(Console, text) for text in MARKUP if text not in {"[/]", "[/bold]"}) > 4
    with pytest.raises(Exception, match="closing tag"):
        shown(Console, "[/bold]")
    assert not is_harmless(orjson.dumps("\x9b31m").decode())


def test_our_own_colours_are_the_only_sequences() -> None:
    arrived = shown(Screen, line(("error", "bold red"), " \x1b[31mred"), colour=True)
    assert SGR.findall(arrived) == ["\x1b[1;31m", "\x1b[0m"]
    assert SGR.sub("", arrived) == "error \\x1b[31mred\n"
