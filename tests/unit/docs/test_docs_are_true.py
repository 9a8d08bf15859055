"""What documents name exists, their Python runs, and their commands are commands."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from lutong_client import HttpTransport
from lutong_client.testing import FakeTransport
from lutong_contracts.feed import PostPublished
from tools.docgen.documents import ROOT
from tools.docscheck.__main__ import pages, problems
from tools.docscheck.checkout import read
from tools.docscheck.markdown import Block, Mention, blocks
from tools.docscheck.references import wrong

PAGES = {path.relative_to(ROOT).as_posix(): path for path in pages(ROOT)}
TRANSPORT = 'HttpTransport({"feed": "https://feed.example"}, token)'
TESTED_ELSEWHERE = {
    "docs/adding-a-service.md": "tests/integration/chassis/test_adding_a_service.py",
    "docs/publishing.md": "tests/e2e/test_publishing_page.py",
}
"""Pages whose blocks need real parts, and the test that runs them."""


@pytest.mark.parametrize("name", PAGES)
def test_what_a_page_names_exists(name: str) -> None:
    assert list(problems(PAGES[name], read(ROOT))) == []


def python_blocks() -> Iterator[tuple[str, Block]]:
    """Blocks of Python of all pages."""
    for name, path in PAGES.items():
        if name not in TESTED_ELSEWHERE:
            yield from ((name, block) for block in blocks(path.read_text("utf-8")) if block.language == "python")


@pytest.mark.parametrize(("name", "block"), [pytest.param(n, b, id=f"{n}:{b.line}") for n, b in python_blocks()])
def test_a_block_of_python_publishes_what_it_shows(name: str, block: Block) -> None:
    """It runs as it is, but for its transport, which is the one that the client ships for tests."""
    HttpTransport({"feed": "https://feed.example"}, "a token").close()
    assert TRANSPORT in block.text, name
    fake = FakeTransport()
    exec(block.text.replace(TRANSPORT, "fake"), {"fake": fake})  # noqa: S102  # our own page
    assert [(message.id, type(message.event)) for message in fake.sent] == [("cms-1", PostPublished)]


def test_pages_whose_blocks_run_elsewhere_have_that_test() -> None:
    assert all(page in (ROOT / test).read_text("utf-8") for page, test in TESTED_ELSEWHERE.items())


def test_the_walk_is_four_short_numbered_pages() -> None:
    walk = sorted(name for name in PAGES if name.startswith("docs/learn/"))
    assert [name.removeprefix("docs/learn/")[:2] for name in walk] == ["1-", "2-", "3-", "4-"]
    assert all(len(PAGES[name].read_text("utf-8").splitlines()) <= 80 for name in walk)
    assert all("lutong_" in PAGES[name].read_text("utf-8") for name in walk)


def found(kind: str, text: str, page: Path = ROOT / "README.md") -> list[str]:
    """What is wrong with one mention."""
    return list(wrong(Mention(kind, text, 1), page, read(ROOT)))  # type: ignore[arg-type]  # a literal of the table


@pytest.mark.parametrize(
    ("kind", "text", "complaint"),
    [
        ("code", "http/routes.py", "there is no file http/routes.py"),
        ("code", "docs/no-such-page.md", "there is no file docs/no-such-page.md"),
        ("code", "services/bank", "there is no services/bank"),
        ("link", "docs/no-such-page.md", "the link docs/no-such-page.md leads nowhere"),
        ("link", "docs/architecture.md#no-such-heading", "names no heading"),
        ("link", "services/registry/lutong_registry/discovery/handlers.py#no_such_function", "names nothing that is defined"),
        ("link", "services/registry/lutong_registry/discovery/handlers.py#L9999", "points behind the end"),
        ("text", "set LUTONG_NO_SUCH_THING first", "there is no setting LUTONG_NO_SUCH_THING"),
        ("code", "LUTONG_NO_SUCH_THING=1", "there is no setting LUTONG_NO_SUCH_THING"),
        ("code", "make no-such-target", "there is no make target no-such-target"),
        ("code", "make chaos SEEDS=3", "make knows no variable SEEDS"),
        ("code", "lutong nix", "there is no command lutong nix"),
        ("code", "lutong parked nix", "there is no command lutong parked nix"),
        ("code", "lutong up --nix", "lutong up has no option --nix"),
        ("code", ".venv/bin/lutong schema check", "there is no command lutong schema check"),
        ("code", "GET /v1/nothing/{id}", "there is no route /v1/nothing/{id}"),
        ("code", "DeadlockDetected", "no source file contains the name DeadlockDetected"),
        ("code", "domain.no_such_rule", "no source file contains the name no_such_rule"),
    ],
)  # fmt: skip
def test_a_name_that_does_not_exist_is_found(kind: str, text: str, complaint: str) -> None:
    assert any(complaint in each for each in found(kind, text))


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("code", "handlers.py"),
        ("code", "lutong parked redrive"),
        ("code", "make chaos SEED=3"),
        ("code", "POST /v1/posts/{post_id}/card/taps"),
        ("code", "LUTONG_DATABASE_URL"),
        ("text", "LUTONG_<SERVICE>_URL, or any LUTONG_KAFKA_* variable"),
        ("code", "domain.discover"),
        ("code", "DeadlockDetectedError"),
        ("code", "deploy/.env"),
        ("link", "docs/architecture.md"),
        ("link", "https://example.org/x.py"),
        ("link", "services/registry/lutong_registry/discovery/handlers.py#discover_services"),
    ],
)
def test_a_name_that_exists_is_not_complained_about(kind: str, text: str) -> None:
    assert found(kind, text) == []
