"""A hundred thousand steps in which everything comes twice, late, in another order, or after a crash."""

import random
from collections import Counter
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test

from tests.model.broker import Cluster
from tests.model.road import MEMBERS, Without, a_wish

STEPS_WANTED = 100_000
WISHES_MAX = 12
taken: Counter[str] = Counter()
STARTED = ("accepted", "picked", "handed_over")
services = st.sampled_from(["feed", "registry", "membership", "inventory"])
numbers = st.integers(0, 1_000)


def one_of(things: list[Any], number: int) -> Any:  # noqa: ANN401  # one of whatever is given
    return things[number % len(things)]


class Road(RuleBasedStateMachine):
    """Viewers, staff, four services and a broker that does what brokers do."""

    without: Without = frozenset()

    def __init__(self) -> None:
        super().__init__()
        self.cluster = Cluster(self.without)
        self.wishes: list[str] = []

    def node(self, service: str) -> Any:  # noqa: ANN401  # a state of one of four kinds
        return self.cluster.nodes[service].state

    @precondition(lambda self: len(self.wishes) < WISHES_MAX)
    @rule(member=st.sampled_from(MEMBERS), hundreds=st.integers(1, 150))
    def a_viewer_orders(self, member: str, hundreds: int) -> None:
        self.wishes.append(member)
        self.cluster.command("feed", "request", a_wish(len(self.wishes), member, hundreds * 100))

    @precondition(lambda self: self.wishes)
    @rule(number=numbers)
    def a_viewer_regrets(self, number: int) -> None:
        index = number % len(self.wishes)
        self.cluster.command("feed", "regret", f"o-{index + 1}", self.wishes[index])

    @precondition(lambda self: self.node("inventory").orders)
    @rule(number=numbers, crash=st.booleans())
    def staff_takes_a_step(self, number: int, crash: bool) -> None:
        order_id = one_of(list(self.node("inventory").orders), number)
        self.cluster.command("inventory", "advance", order_id, crash=crash)

    @rule(member=st.sampled_from(MEMBERS), amount_minor=st.integers(1, 20_000))
    def a_member_repays(self, member: str, amount_minor: int) -> None:
        self.cluster.command("membership", "repay", member, amount_minor)

    @rule(seed=st.integers(0, 2**32), moves=st.integers(1, 12))
    def messages_move(self, seed: int, moves: int) -> None:
        rng = random.Random(seed)
        for _ in range(moves):
            self._a_message_moves(rng)
            self.credit_is_within_its_line()
            self.stock_is_never_promised_twice()

    def _a_message_moves(self, rng: random.Random) -> None:
        unpublished, undelivered = self.cluster.unpublished(), self.cluster.undelivered()
        if unpublished and (not undelivered or rng.random() < 0.4):
            self.cluster.relay(*rng.choice(unpublished), crash=rng.random() < 0.2)
        elif undelivered:
            self.cluster.deliver(*rng.choice(undelivered), rng.choices(["", "before", "after"], [8, 1, 1])[0])

    @precondition(lambda self: self.cluster.log)
    @rule(service=services, number=numbers)
    def a_stream_is_delivered_again(self, service: str, number: int) -> None:
        self.cluster.rewind(service, one_of(list(self.cluster.log), number))

    @rule(minutes=st.integers(1, 40))
    def time_passes(self, minutes: int) -> None:
        self.cluster.tick(minutes)

    @invariant()
    def credit_is_within_its_line(self) -> None:
        taken["steps"] += 1  # every move and every rule is a step, and ends with this
        membership = self.node("membership")
        held: Counter[str] = Counter()
        for hold in membership.holds.values():
            held[hold.member_id] += hold.amount_minor if hold.state == "held" else 0
        for line in membership.lines.values():
            assert min(line.held_minor, line.owed_minor) >= 0
            assert line.held_minor + line.owed_minor <= line.limit_minor
            assert line.held_minor == held[line.member_id]

    @invariant()
    def stock_is_never_promised_twice(self) -> None:
        inventory = self.node("inventory")
        for shelf, on_hand in inventory.on_hand.items():
            assert 0 <= inventory.reserved[shelf] <= on_hand

    def teardown(self) -> None:
        """Heal, let time pass, let staff finish: every order ends, and everybody agrees how."""
        self.cluster.drain()
        orders = self.node("inventory").orders
        while started := [order_id for order_id, order in orders.items() if order[0] in STARTED]:
            self.cluster.command("inventory", "advance", started[0])
        self.cluster.tick(60)
        self.cluster.drain()
        self.cluster.rewind_all()
        self.cluster.drain()
        self._everybody_agrees()

    def _everybody_agrees(self) -> None:
        shown, holds = self.node("feed").status, self.node("membership").holds
        orders = {order_id: order[0] for order_id, order in self.node("inventory").orders.items()}
        assert set(shown) == set(holds)
        for order_id, status in shown.items():
            held = {"fulfilled": "captured", "cancelled": "released", "rejected": "released"}.get(status)
            assert status in {"declined", "rejected", "fulfilled", "cancelled"}
            assert holds[order_id].state == (held or "declined")
            assert orders.get(order_id) == (status if held else None)
        assert not any(orders.get(order_id) == "fulfilled" for order_id in self.node("inventory").regretted_early)
        for entry in self.node("membership").ledger:
            assert sum(amount for _, amount in entry.postings) == 0
        assert not +self.node("inventory").reserved
        assert sum(self.node("registry").fulfilled.values()) == list(orders.values()).count("fulfilled")


def settle(examples: int, **more: Any) -> settings:
    checks = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much]
    shape = {"max_examples": examples, "stateful_step_count": 100, "deadline": None, "suppress_health_check": checks}
    return settings(**shape | more)


@pytest.mark.timeout(300)
def test_in_whatever_order_things_come_every_order_ends_and_everybody_agrees() -> None:
    taken.clear()
    run_state_machine_as_test(Road, settings=settle(550))
    assert taken["steps"] >= STEPS_WANTED


@pytest.mark.parametrize(
    "left_out",
    [
        {"inbox"},
        {"recall"},
        {"availability"},
        {"limit"},
        {"order"},
        {"inbox", "first_ending"},
        {"one_transaction"},
    ],
    ids=lambda safeguards: " and ".join(sorted(safeguards)),
)
@pytest.mark.timeout(300)
def test_negative_control_without_a_safeguard_the_model_finds_what_breaks(left_out: set[str]) -> None:
    class Careless(Road):
        without = frozenset(left_out)

    # The first break ends it; how soon that comes depends on the modules that are loaded: Hypothesis reads their constants.
    careless = settle(4_000, phases=[Phase.generate], report_multiple_bugs=False, derandomize=True)
    with pytest.raises((AssertionError, TypeError, ValueError)):
        run_state_machine_as_test(Careless, settings=careless)
