"""flow.md finds code by what it means, not by where it lies; and a reader needs three hops, with exceptions by name."""

from pathlib import Path
from textwrap import dedent
from typing import Final

import pytest

from tools.docgen.documents import ROOT
from tools.docgen.flow.code import read
from tools.docgen.flow.trace import Trace, entries, makes, trace
from tools.docgen.suite import RUNNING

HOPS_MOST: Final = 3

LONGER: Final[dict[str, int]] = {
    "registry: PostPublished": 7,
    "registry: POST /v1/discoveries/previews": 7,  # the way of PostPublished, asked beforehand
    "registry: GET /v1/search": 7,
    "membership: TermEnded": 6,
    "membership: SettlementDue": 10,
    "membership: DeductionSucceeded": 7,
    "membership: DeductionFailed": 5,
    "membership: OverdueStepDue": 4,
    "membership: GET /v1/agreements/{agreement_id}/quote": 5,
    "membership: POST /v1/agreements/{agreement_id}/quit": 7,
    "membership: POST /v1/agreements/{agreement_id}/waivers": 4,
    "membership: POST /v1/agreements/{agreement_id}/write-off": 4,
    "membership: POST /v1/agreements/{agreement_id}/rights/{right_id}/codes": 4,
    "membership: POST /v1/agreements/{agreement_id}/rights/{right_id}/uses": 14,
    "membership: DELETE /v1/agreements/{agreement_id}/rights/{right_id}/uses/{use_id}": 13,
    "membership: OrderFulfilled": 14,
    "membership: OrderRejected": 7,
    "membership: OrderCancelled": 7,
    "membership: HoldLapsed": 6,
    "membership: OrderRefunded": 12,
    "membership: ServiceRequested": 9,
    "membership: CreditAssessed": 11,
    "membership: POST /v1/members/{member_id}/consultations": 6,
    "membership: POST /v1/agreements/{agreement_id}/signature": 7,
    "membership: POST /v1/members/{member_id}/repayments": 10,
    "membership: POST /v1/repayments/{repayment_id}/confirmation": 10,
    "inventory: CreditHeld": 7,
    "inventory: AcceptanceLapsed": 7,
    "inventory: FulfilmentLapsed": 7,
    "inventory: LocationDeclined": 7,
    "inventory: GET /v1/sourcing/trial": 7,
    "inventory: POST /v1/orders/{order_id}/refunds": 4,
    "inventory: POST /v1/orders/{order_id}/steps": 4,
    "inventory: POST /v1/orders/steps/batch": 4,
    "inventory: POST /v1/orders/{order_id}/collection": 5,
    "inventory: PUT /v1/locations/{location_id}/stock/{sku}": 5,
    "inventory: POST /v1/stock/batch": 5,
    "inventory: POST /v1/stock/movements": 5,
    "inventory: PUT /v1/locations/{location_id}/stock/{sku}/safety": 4,
}
"""Entries that need more hops, and how many. This list may only shrink: cut the way, then the line."""

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
    assert (names(found.rules), names(found.statements), found.hops) == (["decide"], ["load"], 2)
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
    assert (names(found.rules), names(found.statements), found.hops) == (["decide"], ["load"], 3)
    assert "ServiceDiscovered" in found.makes


def test_a_file_that_only_passes_names_on_costs_a_hop(tmp_path: Path) -> None:
    root = a_checkout(tmp_path, cards__handlers=HANDLERS, cards__domain=DOMAIN, cards__store__reading=STORE)
    facade = root / "services/feed/lutong_feed/cards/store/__init__.py"
    facade.write_text("from lutong_feed.cards.store.reading import load\n", encoding="utf-8")
    found = traced(root)
    assert (names(found.statements), found.files_to_sql, found.hops) == (["load"], 2, 3)


def test_each_file_of_rules_costs_a_hop(tmp_path: Path) -> None:
    deciding = "from lutong_feed.cards.domain.second import second\n\ndef decide(row):\n    return second(row)\n"
    handlers = HANDLERS.replace(
        "import domain, store", "import store\n    from lutong_feed.cards.domain import first as domain"
    )
    root = a_checkout(
        tmp_path, cards__handlers=handlers, cards__store=STORE, cards__domain__first=deciding,
        cards__domain__second="def second(row):\n    return row\n",
    )  # fmt: skip
    found = traced(root)
    assert (names(found.rules), len(found.rule_files), found.hops) == (["decide"], 2, 3)


def test_a_variable_hides_the_import_of_its_name(tmp_path: Path) -> None:
    handlers = HANDLERS.replace("rows = await store.load(tx)", "rows = store = {}")
    found = traced(a_checkout(tmp_path, cards__handlers=handlers, cards__domain=DOMAIN, cards__store=STORE))
    assert found.statements == ()


def test_an_event_in_an_annotation_is_not_published(tmp_path: Path) -> None:
    handlers = HANDLERS.replace("found = desk", "found: list[ServiceNotFound] = desk").replace("(batch, tx)", "(batch: list[ServiceNotFound], tx)")  # fmt: skip
    code = read(a_checkout(tmp_path, cards__handlers=handlers, cards__domain=DOMAIN, cards__store=STORE))
    assert set(makes(code)) == {"ServiceDiscovered"}


def test_the_trees_show_exactly_the_handlers_that_run() -> None:
    code = read(ROOT)
    seen = {(e.function.service, e.name, e.function.node.name) for e in entries(code) if e.kind == "event"}
    assert seen == {
        (name, event.__name__, handler.__name__)
        for name, service in RUNNING.items()
        for event, handler in service.handlers.by_type.items()
    }


def test_every_event_has_a_place_that_makes_it() -> None:
    made = makes(read(ROOT))
    handled = {event.__name__ for service in RUNNING.values() for event in service.handlers.by_type}
    assert handled - set(made) == set()


HOPS = {f"{e.function.service}: {e.name}": t.hops for c in [read(ROOT)] for e in entries(c) for t in [trace(c, e)]}


@pytest.mark.parametrize("entry", HOPS)
def test_rule_and_sql_are_three_hops_away(entry: str) -> None:
    assert HOPS[entry] <= LONGER.get(entry, HOPS_MOST), "a way became longer"


def test_the_list_of_longer_ways_only_shrinks() -> None:
    assert {entry: HOPS.get(entry, 0) for entry in LONGER} == LONGER, "write down the shorter way, or remove the line"
    assert all(hops > HOPS_MOST for hops in LONGER.values())
