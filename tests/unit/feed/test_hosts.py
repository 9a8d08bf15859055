"""Whether a version opens in the app that its reader is in, and what is said where it does not."""

from collections.abc import Mapping

from hypothesis import given
from hypothesis import strategies as st

from lutong_contracts.gray import Audience, Viewing
from lutong_contracts.hosts import CAPABILITIES, HostCapability, HostFacts, Needs, OnHost
from lutong_feed.gray.domain import InGray, Others, Shown, shown
from lutong_feed.hosts.domain import Blocked, Hosted, why_not, written
from lutong_feed.hosts.sentences import stated

RELEASED = Shown(2, "Shop", "pages/shop")


def on(platform: int = 10, host_id: str = "amap", retired_for: str | None = None, **able: int) -> OnHost:
    capabilities = tuple(HostCapability(capability=name, platform_version=number) for name, number in able.items())
    facts = HostFacts(
        host_id=host_id,
        title_zh="高德",
        title_en="Amap",
        revision=1,
        capabilities=capabilities,
        retired_for=retired_for,
    )
    return OnHost(facts, platform)


def on_able(platform: int, able: Mapping[str, int]) -> OnHost:
    capabilities = tuple(HostCapability(capability=name, platform_version=number) for name, number in able.items())
    return OnHost(
        HostFacts(host_id="amap", title_zh="高德", title_en="Amap", revision=1, capabilities=capabilities), platform
    )


def seen_on(where: OnHost | None, needs: Needs, *, gray: str | None = None, own: tuple[Hosted, ...] = ()) -> Shown:
    viewing = Viewing("ann", None, None, where)
    return shown("shop", RELEASED, Others(gray, needs.model_dump_json(), written(own)), viewing)


def test_what_needs_nothing_opens_anywhere() -> None:
    for where in (None, OnHost(None, 0), on(), on(retired_for="old")):
        assert why_not(Needs(), where) is None


def test_each_reason_is_stated_with_what_is_missing() -> None:
    pays = Needs(capabilities=("pay",), platform_version=3)
    assert why_not(pays, None) is None  # who does not say where they are opens it, as before
    assert why_not(pays, OnHost(None, 9)) == Blocked("unknown_host")
    assert why_not(pays, on(pay=1, retired_for="old")) == Blocked("host_retired")
    assert why_not(Needs(hosts=("weibo",)), on()) == Blocked("other_host")
    assert why_not(pays, on(credit=1)) == Blocked("no_capability", "pay")
    assert why_not(pays, on(2, pay=1)) == Blocked("platform_too_old", None, 3)
    assert why_not(pays, on(2, pay=12)) == Blocked("platform_too_old", None, 12)
    assert why_not(pays, on(3, pay=1)) is None


def test_each_reason_has_a_sentence_in_both_languages() -> None:
    blocked = [Blocked(reason) for reason in ("unknown_host", "host_retired", "other_host")]
    blocked += [Blocked("no_capability", name) for name in (*CAPABILITIES, "newer")]
    for each in [*blocked, Blocked("platform_too_old", platform_version=12)]:
        sentence = stated(each)
        assert sentence.en.isascii()
        assert not sentence.zh.isascii()
    assert "12" in stated(Blocked("platform_too_old", platform_version=12)).zh


@given(
    st.builds(
        Needs,
        platform_version=st.integers(0, 20),
        capabilities=st.sets(st.sampled_from(CAPABILITIES)).map(lambda names: tuple(sorted(names))),
    ),
    st.dictionaries(st.sampled_from(CAPABILITIES), st.integers(0, 20)),
    st.integers(0, 20),
)
def test_a_newer_platform_never_opens_less(needs: Needs, able: dict[str, int], platform: int) -> None:
    opens = why_not(needs, on_able(platform, able)) is None
    assert opens == (
        {*needs.capabilities} <= {*able}
        and platform >= needs.platform_version
        and all(platform >= able[name] for name in needs.capabilities)
    )
    if opens:
        assert why_not(needs, on_able(platform + 1, able)) is None


def test_a_host_opens_its_own_version_or_that_of_all() -> None:
    own = (Hosted(version=3, title="Amap 3", page="pages/amap", needs=Needs(hosts=("amap",), platform_version=5)),)
    assert seen_on(on(5), Needs(), own=own) == Shown(3, "Amap 3", "pages/amap")
    assert seen_on(on(4), Needs(), own=own) == RELEASED
    assert seen_on(on(5, "weibo"), Needs(), own=own) == RELEASED
    assert seen_on(None, Needs(), own=own) == RELEASED
    assert seen_on(on(4), Needs(platform_version=9), own=own) == Shown(
        3, "Amap 3", "pages/amap", Blocked("platform_too_old", None, 5)
    )


def test_gray_is_for_those_whose_host_opens_it() -> None:
    everybody = Audience(salt="s-1", percent=100)
    for needs, there, nowhere in (
        (Needs(hosts=("amap",)), 4, 2),
        (Needs(platform_version=9), 4, 4),
        (Needs(platform_version=11), 2, 4),
    ):
        gray = InGray(version=4, title="Shop 4", page="pages/shop4", audience=everybody, needs=needs).model_dump_json()
        assert seen_on(on(10), Needs(), gray=gray).version == there
        assert seen_on(None, Needs(), gray=gray).version == nowhere
