"""Credit lines and the ledger behind them: what is held and owed, and the chain that nobody can bend."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lutong_contracts.values import Money
from lutong_membership.holds.domain.holds import CaptureBeyondHoldError, capture, price, released
from lutong_membership.ledger.domain.chain import Sealed, canonical, seal_all
from lutong_membership.ledger.domain.entries import GENESIS, Entry, Line, after, hold, opened, pair, retargeted, settled
from tests.unit.membership.a_membership import NOON, a_hold, a_line


def yuan(amount_minor: int) -> Money:
    return Money(amount_minor=amount_minor, currency="CNY")


def held(line: Line, order: str, amount_minor: int) -> Line:
    entry = hold(line, amount_minor, order, "a-1")
    assert entry
    return after(line, entry)


def test_only_a_hold_that_does_not_fit_is_refused() -> None:
    assert hold(a_line(), 100_001, "o", "a") is None
    assert held(a_line(), "o", 100_000).available_minor == 0


def test_charges_and_uncovered_goods_take_room_off_the_line() -> None:
    line = a_line(charged_minor=30_000, uncovered_minor=20_000)
    assert line.available_minor == 50_000
    assert hold(line, 50_001, "o", "a") is None


def test_part_capture_releases_the_rest_in_the_same_breath() -> None:
    line = held(a_line(), "o", 10_000)
    captured = capture(a_hold("o", 10_000), line, yuan(7_000))
    assert [entry.kind for entry in captured.entries] == ["capture", "release"]
    assert captured.released_minor == 3_000
    now = after(line, *captured.entries)
    assert (now.held_minor, now.owed_minor, now.available_minor) == (0, 7_000, 93_000)


@pytest.mark.parametrize("amount", [Money(amount_minor=10_001, currency="CNY"), Money(amount_minor=1, currency="EUR")])
def test_more_delivered_than_held_is_a_bug_upstream(amount: Money) -> None:
    with pytest.raises(CaptureBeyondHoldError):
        capture(a_hold("o", 10_000), held(a_line(), "o", 10_000), amount)


def test_goods_after_an_expired_hold_are_owed_when_there_is_room() -> None:
    captured = capture(a_hold("o", 10_000, state="expired"), a_line(), yuan(10_000))
    assert [entry.kind for entry in captured.entries] == ["late_capture"]
    assert (captured.debt, after(a_line(), *captured.entries).owed_minor) == ("order", 10_000)


def test_goods_after_an_expired_hold_are_uncovered_without_room() -> None:
    full = held(a_line(), "other", 95_000)
    captured = capture(a_hold("o", 10_000, state="expired"), full, yuan(10_000))
    now = after(full, *captured.entries)
    assert (captured.debt, now.uncovered_minor, now.owed_minor, now.held_minor) == ("uncovered", 10_000, 0, 95_000)
    assert now.available_minor == 0


def test_line_lowered_below_current_holds_falls_step_by_step() -> None:
    line = held(held(a_line(), "o-1", 60_000), "o-2", 30_000)
    line, entries = retargeted(line, 20_000)
    line = after(line, *entries)
    assert (line.limit_minor, line.target_minor, line.available_minor) == (90_000, 20_000, 0)

    line = after(line, *settled(line, released(a_hold("o-1", 60_000), line, 60_000)))
    assert (line.limit_minor, line.held_minor) == (30_000, 30_000)
    assert hold(line, 1, "o-3", "a-1") is None

    line = after(line, *settled(line, released(a_hold("o-2", 30_000), line, 30_000)))
    assert (line.limit_minor, line.available_minor) == (20_000, 20_000)


def test_a_line_raised_before_it_fell_has_its_limit_at_once() -> None:
    line = held(a_line(), "o", 60_000)
    for target, limit in ((10_000, 60_000), (80_000, 80_000), (5_000, 60_000)):
        line, entries = retargeted(line, target)
        line = after(line, *entries)
        assert (line.limit_minor, line.target_minor) == (limit, target)


@pytest.mark.parametrize(
    ("total", "percent", "off", "due"),
    [
        (1_000, 10, 0, 900),
        (999, 10, 0, 899),
        (1, 90, 0, 1),
        (1_000, 0, 300, 700),
        (1_000, 10, 5_000, 1),
        (1_005, 15, 0, 854),
    ],
)
def test_a_price_is_rounded_down_once_and_never_below_one_minor_unit(
    total: int, percent: int, off: int, due: int
) -> None:
    coupon = type("C", (), {"amount_off_minor": off})() if off else None
    cost = price(total, percent, coupon)
    assert cost.due_minor == due
    assert cost.total_minor == cost.due_minor + cost.discount_minor + cost.coupon_minor


def a_chain(*amounts: int) -> tuple[Line, list[Sealed]]:
    line, entry = opened("m", "CNY", 100_000)
    entries = [entry, *(Entry("payout", "m", "CNY", pair("credit:m", "platform:cash", amount)) for amount in amounts)]
    lines, sealed = seal_all([line], entries, NOON)
    return lines[line.key], sealed


def test_each_entry_is_chained_and_the_line_knows_the_last() -> None:
    line, sealed = a_chain(1, 2, 3)
    assert [entry.number for entry in sealed] == [1, 2, 3, 4]
    assert [entry.previous_hash for entry in sealed] == [GENESIS, *(entry.hash for entry in sealed[:-1])]
    assert (line.entries, line.head) == (4, sealed[-1].hash)


def test_no_fact_of_an_entry_can_change_without_changing_its_hash() -> None:
    entry = Entry("refund", "m", "CNY", (("owed:m", -5), ("available:m", 5)), "o", "a", "order:o", "r-1")
    changes = {
        "kind": "waiver", "member_id": "n", "currency": "EUR", "order_id": "p", "agreement_id": "b", "debt_id": "order:p",
        "reference": "r-2", "postings": (("owed:m", -6), ("available:m", 6)),
    }  # fmt: skip
    assert set(changes) == set(Entry.__dataclass_fields__)
    words = {canonical(replace(entry, **{name: value}), 1, NOON) for name, value in changes.items()}  # type: ignore[arg-type]  # each by its name
    words |= {canonical(entry, 1, NOON), canonical(entry, 2, NOON), canonical(entry, 1, NOON.replace(microsecond=1))}
    assert len(words) == len(changes) + 3


actions = st.lists(
    st.tuples(st.sampled_from(["hold", "capture", "release", "expire", "late", "limit"]), st.integers(1, 60_000)),
    max_size=40,
)


@given(actions)
def test_the_line_is_always_its_ledgers_fold_and_within_its_limit(done: list[tuple[str, int]]) -> None:
    line, entry = opened("m", "CNY", 100_000)
    line, entries = after(line, entry), [entry]
    open_ones: list[tuple[str, int]] = []
    for number, (action, amount) in enumerate(done):
        order = f"o-{number}"
        fresh: list[Entry] = []
        if action == "hold" and (one := hold(line, amount, order, "a")):
            fresh, open_ones = [one], [*open_ones, (order, amount)]
        elif action == "limit":
            line, fresh = retargeted(line, amount)
        elif action == "late":
            fresh = capture(a_hold(order, amount, state="expired"), line, yuan(amount)).entries
        elif action != "hold" and open_ones:
            order, held_minor = open_ones.pop()
            some = min(amount, held_minor)
            fresh = (
                capture(a_hold(order, held_minor), line, yuan(some)).entries
                if action == "capture"
                else settled(line, released(a_hold(order, held_minor), line, held_minor))
            )
        line = after(line, *fresh)
        entries += fresh
        assert line.limit_minor == max(line.target_minor, line.held_minor + line.owed_minor)
    assert all(sum(amount for _, amount in each.postings) == 0 for each in entries)
    assert replace(after(Line("m", "CNY"), *entries), target_minor=line.target_minor) == line
    assert line.held_minor == sum(amount for _, amount in open_ones)
