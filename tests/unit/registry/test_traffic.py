"""Which visits earn, and that no page view is made or lost."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

from lutong_registry.traffic.domain import forecast, ledger, visits
from lutong_registry.traffic.domain.ledger import Account, Lot, Spend
from lutong_registry.traffic.domain.visits import Key, Rule, Seen, Source, Visit

NOW = datetime(2026, 11, 29, 4, tzinfo=UTC)
TODAY = date(2026, 11, 29)
RULE = Rule(1, date(1970, 1, 1), 300, 30, 3, 2, 3)


def a_visit(visitor: str = "v", source_id: str = "qr", **changes: Any) -> Visit:
    return Visit("g-1", TODAY, visitor, source_id, 40, after_slot=False, own_staff=False)._replace(**changes)


def outcomes(*some: Visit, seen: Seen | None = None) -> list[str]:
    return [each.outcome for each in visits.judge(some, [RULE], seen or Seen()).values()]


def test_a_visitor_counts_once_a_day_and_source() -> None:
    found = visits.judge([a_visit(), a_visit(), a_visit(source_id="other"), a_visit("w")], [RULE], Seen())
    assert [(key.visitor, key.source_id, each.pv) for key, each in found.items()] == [
        ("v", "qr", 300), ("v", "other", 300), ("w", "qr", 300),
    ]  # fmt: skip
    assert outcomes(a_visit(), seen=Seen({Key("g-1", TODAY, "v", "qr"): "granted"})) == []


def test_one_who_bounced_may_come_back() -> None:
    seen = Seen()
    assert outcomes(a_visit(dwell_s=2), a_visit(dwell_s=1), seen=seen) == ["bounced"]
    assert outcomes(a_visit(dwell_s=3), seen=seen) == ["granted"]
    assert outcomes(a_visit(dwell_s=2), a_visit(dwell_s=3)) == ["granted"]


def test_who_came_by_a_slot_of_ours_earns_nothing() -> None:
    assert outcomes(a_visit(after_slot=True)) == ["looped"]
    assert outcomes(a_visit(), seen=Seen(looped={("g-1", TODAY, "v")})) == ["looped"]


def test_staff_and_who_is_everywhere_earn_nothing() -> None:
    assert outcomes(a_visit(own_staff=True)) == ["own_staff"]
    assert outcomes(*(a_visit(source_id=f"qr-{n}") for n in range(3))) == ["granted", "granted", "too_many_sources"]
    assert outcomes(*(a_visit(f"v-{n}") for n in range(4))) == ["granted", "granted", "granted", "capped"]


def test_a_day_is_that_of_shanghai_and_has_one_rule() -> None:
    assert visits.day_of(datetime(2026, 11, 28, 16, tzinfo=UTC)) == TODAY
    later = RULE._replace(rule_id=2, effective_from=TODAY, pv_per_uv=100)
    assert visits.rule_of([RULE, later], TODAY).pv_per_uv == 100
    assert visits.rule_of([RULE, later], TODAY - timedelta(days=1)).pv_per_uv == 300
    assert visits.expires_at(RULE, TODAY) == visits.midnight(date(2026, 12, 30))


def test_a_source_is_ours_or_forged() -> None:
    source = Source("qr", "g-1", "secret")
    code = visits.signed("qr", "secret")
    assert visits.source_named(code) == "qr"
    assert visits.is_signed(code, source)
    assert not any(visits.is_signed(bad, source) for bad in (code[:-1], "qr", f"qr2{code[2:]}", code.upper(), "码~"))
    assert not visits.is_signed(code, source._replace(secret="other"))


def test_a_pseudonym_is_of_one_program() -> None:
    assert visits.pseudonym("ann", "one") == visits.pseudonym("ann", "one") != visits.pseudonym("ann", "two")
    assert "ann" not in visits.pseudonym("ann", "one")


def test_a_visit_of_long_ago_or_of_tomorrow_is_not_taken() -> None:
    assert visits.why_not_in_time(NOW - timedelta(days=7), NOW) is None
    assert "past" in str(visits.why_not_in_time(NOW - timedelta(days=8), NOW))
    assert "future" in str(visits.why_not_in_time(NOW + timedelta(minutes=6), NOW))


def test_a_rule_that_gives_nothing_has_no_grants() -> None:
    free = RULE._replace(pv_per_uv=0)
    assert visits.earned(visits.judge([a_visit()], [free], Seen()).values()) == {}
    assert len(visits.earned(visits.judge([a_visit(), a_visit("w")], [RULE], Seen()).values())) == 1


def a_lot(days: int, pv: int = 300) -> Lot:
    return Lot(NOW + timedelta(days=days), TODAY + timedelta(days=days), 1, pv)


def granted(*lots: Lot) -> Account:
    account = Account("g-1")
    for lot in lots:
        account = ledger.grant(account, lot, "day").account
    return account


def held(account: Account, pv: int, spend_id: str = "s") -> tuple[Account, Spend]:
    moved = ledger.reserve(account, pv, spend_id, NOW)
    assert moved
    return moved.account, Spend(spend_id, "g-1", "timeline", None, TODAY, pv, 0, "reserved", moved.taken)


def left(account: Account) -> list[int]:
    return [lot.remaining for lot in account.lots]


def test_what_ends_first_is_spent_first() -> None:
    account, spend = held(granted(a_lot(9), a_lot(8), a_lot(9)), 400)
    assert (left(account), account.held) == ([0, 500], 400)
    account = ledger.settle(account, spend, 350, NOW).account
    assert (left(account), account.spent, account.available) == ([0, 550], 350, 550)


def test_what_is_not_there_is_not_held() -> None:
    assert ledger.reserve(granted(a_lot(8)), 301, "s", NOW) is None
    assert ledger.reserve(granted(a_lot(0)), 1, "s", NOW) is None


def test_what_comes_back_late_is_expired() -> None:
    account, spend = held(granted(a_lot(8), a_lot(9)), 400)
    later = ledger.settle(account, spend, 50, NOW + timedelta(days=8)).account
    assert (later.spent, later.expired, later.available, left(later)) == (50, 250, 300, [0, 300])
    forgotten = Account(**{name: getattr(account, name) for name in ("program_id", "granted", "available", "held")})
    assert ledger.settle(forgotten, spend, 0, NOW).account.expired == 400


def test_what_is_past_its_time_ends_and_what_is_held_does_not() -> None:
    account, _ = held(granted(a_lot(8), a_lot(9)), 100)
    over = ledger.expire(account, NOW + timedelta(days=8)).account
    assert (over.expired, over.held, over.available) == (200, 100, 300)
    assert ledger.expire(over, NOW).entries == ()


def test_what_was_spent_and_is_reversed_is_a_debt() -> None:
    account, spend = held(granted(a_lot(8)), 250)
    account = ledger.settle(account, spend, 250, NOW).account
    account = ledger.reverse(account, a_lot(8).day, 300, "day").account
    assert (account.reversed, account.debt, account.available) == (50, 250, 0)
    paid = ledger.grant(account, a_lot(9), "day").account
    assert (paid.debt, paid.reversed, paid.available, left(paid)) == (0, 300, 50, [0, 50])


def test_a_reversal_takes_from_its_day_first() -> None:
    account = ledger.reverse(granted(a_lot(8), a_lot(9)), a_lot(9).day, 350, "day").account
    assert (left(account), account.debt) == ([250, 0], 0)


def test_a_forecast_shows_for_how_long_there_is_some() -> None:
    account = granted(a_lot(3), a_lot(20))
    seen = forecast.of(account, {"grant": 70, "spend": 490}, NOW)
    assert seen == (10.0, 70.0, 10.0, [{"expires_at": a_lot(3).expires_at, "pv": 300}])
    assert forecast.of(account, {}, NOW).lasts_days is None
