"""The parts of the web console that need no suite: who is let in, languages, groups of parked records."""

import re
from io import BytesIO
from pathlib import Path

import pytest
from babel.messages.extract import extract
from babel.messages.pofile import read_po

from lutong_chassis.http.hints import HINTS, HINTS_AT
from lutong_console import web, why
from lutong_console.verify.identities import WORDS
from lutong_console.web import languages, words
from lutong_console.web.access import SESSION_LIFETIME_S, TICKET_LIFETIME_S, Access
from lutong_console.web.tail import BUFFER_RECORDS, Tab, folded

WEB = Path(web.__file__).parent


class Clock:
    now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def access(clock: Clock) -> Access:
    return Access(clock)


def test_a_ticket_lets_in_once(access: Access) -> None:
    ticket = access.issue()
    session = access.enter(ticket)
    assert session
    assert access.session(session.id) == session
    assert access.enter(ticket) is None


def test_a_ticket_that_was_never_issued_lets_nobody_in(access: Access) -> None:
    access.issue()
    assert access.enter("guessed") is None


def test_an_old_ticket_lets_nobody_in(access: Access, clock: Clock) -> None:
    ticket = access.issue()
    clock.now_s = TICKET_LIFETIME_S
    assert access.enter(ticket) is None


def test_a_session_ends(access: Access, clock: Clock) -> None:
    session = access.enter(access.issue())
    assert session
    clock.now_s = SESSION_LIFETIME_S
    assert access.session(session.id) is None


def test_a_session_ends_when_its_person_leaves(access: Access) -> None:
    session = access.enter(access.issue())
    assert session
    access.leave(session)
    assert access.session(session.id) is None


def test_a_form_of_another_session_is_refused(access: Access) -> None:
    mine, theirs = access.enter(access.issue()), access.enter(access.issue())
    assert mine
    assert theirs
    assert mine.accepts(mine.csrf)
    assert not mine.accepts(theirs.csrf)


def test_neither_ticket_nor_session_is_printed(access: Access) -> None:
    ticket = access.issue()
    session = access.enter(ticket)
    assert session
    assert not any(secret in f"{access!r} {session!r}" for secret in (ticket, session.id, session.csrf))


def _texts_of_pages() -> set[str]:
    found = {*WORDS.values(), *words.WORDS.values(), *why.SENTENCES.values(), *HINTS.values(), *HINTS_AT.values()}
    for template in (WEB / "templates").glob("*.html"):
        options = {"trim_blocks": "true", "lstrip_blocks": "true"}
        for _, message, _, _ in extract("jinja2.ext:babel_extract", BytesIO(template.read_bytes()), options=options):
            forms = [message] if isinstance(message, str) else [form for form in message if form]
            found |= set(forms[-1:])  # the plural, where there is one: Chinese has one form
    for module in WEB.glob("*.py"):
        found |= set(
            re.findall(r'(?:PageError\(\d+, |SignInError\(|(?:_BUG|_NO_PAGE): Final = )"([^"]+)"', module.read_text())
        )
    return found


def test_each_text_of_the_pages_has_its_chinese() -> None:
    assert _texts_of_pages() - set(languages.texts("zh").texts) == set()


def test_no_chinese_text_is_left_over() -> None:
    assert set(languages.texts("zh").texts) - _texts_of_pages() == set()


def test_a_translation_keeps_the_places_of_values() -> None:
    with (languages.LOCALE / "zh.po").open("rb") as opened:
        pairs = [(str(each.id), str(each.string)) for each in read_po(opened) if each.id]
    wrong = [one for one, other in pairs if _places(one) != _places(other)]
    assert wrong == []


def _places(text: str) -> list[str]:
    return sorted(re.findall(r"%\(\w+\)[sd]", text))


@pytest.mark.parametrize(
    ("cookie", "accepted", "language"),
    [
        (None, "zh-CN,zh;q=0.9,en;q=0.8", "zh"),
        (None, "en-US,en;q=0.5", "en"),
        (None, "de", "en"),
        (None, "", "en"),
        ("zh", "en", "zh"),
        ("en", "zh", "en"),
        ("tlh", "zh", "zh"),
        (None, ";;q=,\x00", "en"),
    ],
)
def test_the_language_is_the_chosen_one_or_the_browsers(cookie: str | None, accepted: str, language: str) -> None:
    assert languages.chosen(cookie, accepted) == language


def test_a_slow_tab_loses_the_oldest_and_counts_them() -> None:
    tab = Tab(())
    for number in range(BUFFER_RECORDS + 3):
        tab.offer({"event": number})
    frame = tab.take()
    assert (frame["dropped"], frame["records"][0]["event"], len(frame["records"])) == (3, 3, BUFFER_RECORDS)
    assert tab.take() == {"records": [], "dropped": 0}


def test_a_large_event_is_folded() -> None:
    assert folded({"event": {"text": "x" * 20_000}})["event"] == {"…": "20011 bytes"}
    assert folded({"event": {"text": "x"}})["event"] == {"text": "x"}
