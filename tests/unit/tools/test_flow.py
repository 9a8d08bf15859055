"""flow.md finds code by what it means, not by where it lies; and a reader needs three hops, without exceptions."""

from functools import cache
from pathlib import Path
from textwrap import dedent
from typing import Final

import pytest

from tools.docgen.documents import ROOT
from tools.docgen.flow.code import read
from tools.docgen.flow.trace import Trace, entries, makes, trace
from tools.docgen.suite import RUNNING

HOPS_MOST: Final = 3

FILES_MOST: Final = 10

WIDEST: Final[dict[str, int]] = {
    "membership: ServiceRequested": 15,  # two of them what a program may use: grants
    "membership: CreditAssessed": 13,
    "membership: OrderFulfilled": 12,
    "membership: PartFulfilled": 11,  # captures as OrderFulfilled does
    "membership: POST /v1/agreements/{agreement_id}/rights/{right_id}/uses": 13,
    "membership: DELETE /v1/agreements/{agreement_id}/rights/{right_id}/uses/{use_id}": 12,
    "feed: PostPublished": 11,  # a post that another publisher sent: its repost, its audience, and the copies to followers
    "registry: PostPublished": 11,  # what names a service in it, and where it leads, are two subjects
    "registry: PostRevised": 11,  # as above
    "feed: GET /v1/accounts/{account_id}/placements/{placement}": 13,  # ranking, live cards, offers and paid places meet here
    "feed: GET /v1/accounts/{account_id}/programs": 13,  # as above
    "inventory: CreditHeld": 13,  # two of them services without goods, which are answered here, too
    "inventory: AcceptanceLapsed": 15,
    "inventory: FulfilmentLapsed": 15,
    "inventory: LocationDeclined": 15,
}
"""Entries that open more files of rules and SQL, and how many. Each new line has a reason; the list had better shrink: put together what belongs
together, then write down less."""

HANDLERS = """
    from lutong_chassis import Handlers
    from lutong_contracts.feed import PostPublished
    from lutong_contracts.registry import ServiceDiscovered, ServiceNotFound
    from lutong_feed.cards import domain, store

    handlers = Handlers()

    @handlers.on(PostPublished)
    async def react(batch, tx):
        rows = await store.load(tx)
        found = desk.decide(rows, domain.decide)
        return [ServiceDiscovered(post_id=each) for each in found]
"""
DOMAIN = """
    def decide(row):
        return _second(row)

    def _second(row):
        return row
"""
STORE = """
    async def load(tx):
        return await tx.fetch("SELECT 1")
"""


def a_checkout(root: Path, **files: str) -> Path:
    """A feed with these files; `__` in a name is a folder."""
    package = root / "services" / "feed" / "lutong_feed"
    for name, text in {"__init__": "", **files}.items():
        path = package / f"{name.replace('__', '/') if name != '__init__' else name}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(dedent(text), encoding="utf-8")
    for folder in {path.parent for path in package.rglob("*.py")}:
        (folder / "__init__.py").touch()
    return root


def traced(root: Path) -> Trace:
    """What follows from the only entry of a checkout."""
    code = read(root)
    (entry,) = entries(code)
    return trace(code, entry)


def names(functions: tuple[object, ...]) -> list[str]:
    """Names of functions."""
    return [getattr(function, "name", "") for function in functions]


def test_a_subject_of_its_own_is_followed_to_rule_and_sql(tmp_path: Path) -> None:
    found = traced(a_checkout(tmp_path, cards__handlers=HANDLERS, cards__domain=DOMAIN, cards__store=STORE))
    assert (names(found.rules), names(found.statements), found.hops) == (["decide"], ["load"], 1)
    assert found.files == 2
    assert "ServiceDiscovered" in found.makes


def test_a_route_that_asks_is_followed_to_the_handler_of_its_command(tmp_path: Path) -> None:
    route = """
        from lutong_feed.cards.domain import TapCard

        @router.post("/v1/taps")
        async def tap(ask):
            return await ask(TapCard("p-1"))
    """
    handlers = HANDLERS.replace("on(PostPublished)", "on(domain.TapCard)")
    domain = DOMAIN + "\n    class TapCard:\n        pass\n"
    root = a_checkout(tmp_path, http=route, cards__handlers=handlers, cards__domain=domain, cards__store=STORE)
    found = traced(root)
    assert (names(found.rules), names(found.statements), found.hops) == (["decide"], ["load"], 2)
    assert "ServiceDiscovered" in found.makes


def test_a_file_that_only_passes_names_on_costs_a_hop(tmp_path: Path) -> None:
    root = a_checkout(tmp_path, cards__handlers=HANDLERS, cards__domain=DOMAIN, cards__store__reading=STORE)
    facade = root / "services/feed/lutong_feed/cards/store/__init__.py"
    facade.write_text("from lutong_feed.cards.store.reading import load\n", encoding="utf-8")
    found = traced(root)
    assert (names(found.statements), list(found.sql_hops.values()), found.hops) == (["load"], [2], 2)


DEEP = {
    "first": "from lutong_feed.cards.domain.second import second\n\ndef decide(row):\n    return second(row)\n",
    "second": "from lutong_feed.cards.domain.third import third\n\ndef second(row):\n    return third(row)\n",
    "third": "def third(row):\n    return row\n",
}


def deciding_by(root: Path, imports: str, call: str = "decide") -> Trace:
    """What follows from a handler that imports these rules, of which each calls the next."""
    handlers = HANDLERS.replace("import domain, store", f"import store\n    {imports}").replace("domain.decide", call)
    rules = {f"cards__domain__{name}": text for name, text in DEEP.items()}
    return traced(a_checkout(root, cards__handlers=handlers, cards__store=STORE, **rules))


def test_a_rule_behind_rules_is_as_many_hops_away(tmp_path: Path) -> None:
    found = deciding_by(tmp_path, "from lutong_feed.cards.domain.first import decide")
    assert (names(found.rules), found.hops, found.files) == (["decide"], 3, 4)


def test_the_shortest_way_to_a_file_counts(tmp_path: Path) -> None:
    imports = "from lutong_feed.cards.domain.first import decide\n    from lutong_feed.cards.domain.third import third"
    found = deciding_by(tmp_path, imports, "third(rows), decide")
    assert (names(found.rules), found.hops, found.files) == (["third", "decide"], 2, 4)


def test_a_variable_hides_the_import_of_its_name(tmp_path: Path) -> None:
    handlers = HANDLERS.replace("rows = await store.load(tx)", "rows = store = {}")
    found = traced(a_checkout(tmp_path, cards__handlers=handlers, cards__domain=DOMAIN, cards__store=STORE))
    assert found.statements == ()


def test_methods_of_an_object_that_a_handler_makes_are_followed(tmp_path: Path) -> None:
    handlers = HANDLERS.replace("found = desk.decide(rows, domain.decide)", "found = Batch(rows).decide()")
    handlers += "\n    class Batch:\n        def decide(self):\n            return domain.decide(self)\n"
    found = traced(a_checkout(tmp_path, cards__handlers=handlers, cards__domain=DOMAIN, cards__store=STORE))
    assert (names(found.rules), found.hops) == (["decide"], 1)


def test_an_event_in_an_annotation_is_not_published(tmp_path: Path) -> None:
    handlers = HANDLERS.replace("found = desk", "found: list[ServiceNotFound] = desk").replace("(batch, tx)", "(batch: list[ServiceNotFound], tx)")  # fmt: skip
    code = read(a_checkout(tmp_path, cards__handlers=handlers, cards__domain=DOMAIN, cards__store=STORE))
    assert set(makes(code)) == {"ServiceDiscovered"}


CODE = read(ROOT)


def test_the_trees_show_exactly_the_handlers_that_run() -> None:
    seen = {(e.function.service, e.name, e.function.node.name) for e in entries(CODE) if e.kind == "event"}
    assert seen == {
        (name, event.__name__, handler.__name__)
        for name, service in RUNNING.items()
        for event, handler in service.handlers.by_type.items()
    }


def test_every_event_has_a_place_that_makes_it() -> None:
    made = makes(CODE)
    handled = {event.__name__ for service in RUNNING.values() for event in service.handlers.by_type}
    assert handled - set(made) == set()


ENTRIES = {f"{entry.function.service}: {entry.name}": entry for entry in entries(CODE)}


@cache
def found_for(entry: str) -> Trace:
    """What follows from an entry of the suite."""
    return trace(CODE, ENTRIES[entry])


@pytest.mark.parametrize("entry", ENTRIES)
def test_rule_and_sql_are_three_hops_away(entry: str) -> None:
    found = found_for(entry)
    assert found.hops <= HOPS_MOST, f"{dict(found.rule_hops)} {dict(found.sql_hops)}"


@pytest.mark.parametrize("entry", ENTRIES)
def test_no_entry_opens_more_files_than_written_down(entry: str) -> None:
    assert found_for(entry).files <= WIDEST.get(entry, FILES_MOST), "a way became wider"


def test_the_list_of_wide_ways_only_shrinks() -> None:
    now = {entry: found_for(entry).files if entry in ENTRIES else 0 for entry in WIDEST}
    assert now == WIDEST, "write down the narrower way, or remove the line"
    assert all(files > FILES_MOST for files in WIDEST.values())
