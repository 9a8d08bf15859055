"""To what orders are credited, and how a credit is split: rules without a database."""

from collections import Counter
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from lutong_feed.attribution.domain import (
    WHOLE,
    ChainCredit,
    CountedAt,
    CreditRow,
    OrderRow,
    Reached,
    Spot,
    Stages,
    Touched,
    chain,
    credited,
    funnel,
    share_of,
    shares,
    split,
)
from lutong_feed.domain import Refusal
from lutong_feed.reposts.domain import DEPTH_MAX, Place, Repost, below

NOW = datetime(2026, 1, 8, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
REQUEST = "01890a5d-ac96-774b-bcce-b302099a8057"
ORDER = OrderRow("o-1", "ann", "p-9", "shop", "CNY", NOW, None)


def a_touch(post_id: str, placement: str) -> str:
    return f"1~1~{REQUEST}~{placement}~0~{post_id}~{post_id}~shop~ann~1767312000000~{'A' * 22}"


def touched(post_id: str, ago: timedelta, kind: str = "click", placement: str = "timeline") -> Touched:
    return Touched("o-1", kind, placement, post_id, NOW - ago, REQUEST, 0)


def test_the_last_click_within_a_week_has_the_credit() -> None:
    found = credited(ORDER, [touched("old", 7 * 24 * HOUR), touched("p-1", 3 * HOUR), touched("p-2", HOUR)])
    assert (found.placement, found.post_id) == ("timeline", "p-2")


def test_what_came_after_the_order_did_not_lead_to_it() -> None:
    assert credited(ORDER, [touched("p-1", -HOUR)]) == CreditRow("o-1", "direct", "p-9", None, None)


def test_a_post_opened_by_itself_overrides_no_click() -> None:
    by_link = touched("p-2", HOUR, placement="post")
    assert credited(ORDER, [touched("p-1", 3 * HOUR), by_link]).post_id == "p-1"
    assert credited(ORDER, [by_link]).placement == "direct"


def test_the_touch_of_the_request_is_the_last_click() -> None:
    asked = ORDER._replace(touch=a_touch("p-3", "account"))
    assert credited(asked, [touched("p-1", HOUR)])[1:3] == ("account", "p-3")
    by_link = ORDER._replace(touch=a_touch("p-3", "post"))
    assert credited(by_link, [touched("p-1", HOUR)]).post_id == "p-1"


def test_what_was_seen_within_a_day_stands_beside_the_click() -> None:
    seen = [touched("p-4", 24 * HOUR, "impression"), touched("p-5", 23 * HOUR, "impression")]
    assert credited(ORDER, [*seen, touched("p-1", HOUR)]) == CreditRow("o-1", "timeline", "p-1", "timeline", "p-5")
    assert credited(ORDER, seen[:1]).view_post_id is None


@given(st.lists(st.integers(0, 200), max_size=20), st.randoms(use_true_random=False))
def test_order_of_arrival_changes_no_credit(hours: list[int], rng: object) -> None:
    clicks = [touched(f"p-{number}", ago * HOUR) for number, ago in enumerate(hours)]
    other = [*clicks]
    rng.shuffle(other)  # type: ignore[attr-defined]  # hypothesis gives a Random
    found = credited(ORDER, clicks)
    times = {each.post_id: each.happened_at for each in clicks}
    within = [time for time in times.values() if time > NOW - 7 * 24 * HOUR]
    assert (found.placement == "direct") == (not within)
    assert not within or times[found.post_id] == max(within)
    assert times.get(credited(ORDER, other).post_id) == times.get(found.post_id)


@given(st.integers(1, 65), st.integers(0, 10**12))
def test_one_order_is_one_credit_however_long_the_chain(length: int, amount_minor: int) -> None:
    way = [f"p-{number}" for number in range(length)]
    parts = shares(way)
    assert sum(parts.values()) == WHOLE
    assert min(parts.values()) > 0
    assert parts[way[0]] >= parts[way[-1]] >= max([0, *(parts[name] for name in way[1:-1])])
    assert sum(split(amount_minor, parts).values()) == amount_minor


def test_shares_of_all_posts_of_a_tree_add_up_to_its_orders() -> None:
    edges = {f"p-{n}": Repost(f"p-{n}", f"p-{n - 1}", "p-0", n) for n in range(1, 6)}
    stands = Reached(True, True, True, False, False, 301, 0)
    ways = [chain(f"p-{n}", edges) for n in (0, 3, 5)]
    credits_ = [*(ChainCredit(way, stands) for way in ways), ChainCredit(ways[2], stands._replace(refunded_minor=301))]
    found = [share_of(f"p-{n}", credits_) for n in range(6)]
    assert sum(each.ppm for each in found) == 3 * WHOLE
    assert sum(each.net_minor for each in found) == 3 * 301


def test_a_refund_lowers_the_amount_and_a_whole_one_the_count() -> None:
    order = Reached(True, True, True, False, True, 300, 100)
    assert order.stages == Stages(requests=1, held=1, sourced=1, fulfilled=1, settled=1, net_minor=200)
    whole = order._replace(refunded_minor=300)
    assert whole.stages == Stages(requests=1, held=1, sourced=1, reversed=1)
    not_picked_up = Reached(True, True, False, True, False, 0, 0)
    assert not_picked_up.stages == Stages(requests=1, held=1, sourced=1, reversed=1)


@given(st.lists(st.tuples(st.integers(0, 8), st.sampled_from(["timeline", "account"]), st.integers(0, 5)), max_size=40))
def test_an_edge_counts_itself_and_all_below_it(counted: list[tuple[int, str, int]]) -> None:
    """Against brute force: each post's chain, one by one."""
    edges = [Repost(f"p-{n}", f"p-{(n - 1) // 2}", "p-0", n.bit_length()) for n in range(1, 9)]
    by_child = {edge.post_id: edge for edge in edges}
    found = funnel("p-0", edges, [CountedAt(Spot(f"p-{n}", where), Stages(taps=times)) for n, where, times in counted])
    taps: Counter[str] = Counter()
    for n, _, times in counted:
        taps.update(dict.fromkeys(chain(f"p-{n}", by_child), times))
    assert {each.edge.post_id: each.stages.taps for each in found.edges} == {
        f"p-{n}": taps[f"p-{n}"] for n in range(1, 9)
    }
    assert found.tree.taps == taps["p-0"] == sum(each.taps for each in found.placements.values())


def test_a_repost_hangs_below_what_it_reposts() -> None:
    places = {"p-1": Place("p-1", 0), "p-2": Place("p-1", 1), "deep": Place("p-1", DEPTH_MAX)}
    assert below("p-3", "p-2", places) == Repost("p-3", "p-2", "p-1", 2)
    refused = [below("p-3", parent, places) for parent in ("none", "deep")] + [below("p-2", "p-2", places)]
    assert [each.kind for each in refused if isinstance(each, Refusal)] == ["no_parent", "too_deep", "no_parent"]
