"""How often one caller may ask, and how many lines one network may cause."""

import httpx
import pytest

from lutong_chassis.auth import Principal, Verifier, public_keys
from lutong_chassis.http.limits import Lines, RateLimit
from lutong_chassis.testing import bearer, settings_for, signer
from lutong_chassis.tokens import AUDIENCE, ISSUER
from lutong_feed.app import service


def test_a_bucket_gives_a_burst_and_then_a_steady_rate() -> None:
    now = [0.0]
    limit = RateLimit(10, 5, lambda: now[0])
    assert [limit.wait_s("ann") for _ in range(7)] == [0, 0, 0, 0, 0, 0.1, 0.1]
    assert limit.wait_s("bo") == 0
    now[0] = 0.1
    assert [limit.wait_s("ann") > 0 for _ in range(2)] == [False, True]
    now[0] = 60
    assert [limit.wait_s("ann") > 0 for _ in range(6)] == [False] * 5 + [True]


async def test_two_members_under_one_subject_have_a_bucket_each() -> None:
    app = service.app(settings_for("postgresql://unused", http_burst=1, http_rate_per_s=0.01))
    app.state.authorizer.verifier = Verifier(public_keys(signer().jwks), ISSUER, AUDIENCE)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://feed") as client:

        async def status_of(member_id: str) -> int:
            who = Principal("cms", "member", member_id=member_id)
            return (await client.get("/v1/posts/p", headers=bearer(who))).status_code

        assert [await status_of(name) for name in ("ann", "ann", "bo")] == [503, 429, 503]


def test_no_two_publishers_are_one() -> None:
    several = [
        Principal("cms", "member", member_id="ann"),
        Principal("cms", "member", member_id="bo"),
        Principal("cms", "merchant", "shop"),
        Principal("cms", "merchant", "shop", "ann"),
        Principal("cms", "member", member_id="ann", issuer="https://a.example"),
        Principal("cms", "member", member_id="ann", issuer="https://b.example"),
    ]
    assert len({who.publisher for who in several}) == len(several)


def test_one_network_causes_five_lines_a_minute() -> None:
    now = [0.0]
    lines = Lines(5, lambda: now[0])
    assert [lines.suppressed("192.0.2.1", "no token") for _ in range(7)] == [0, 0, 0, 0, 0, None, None]
    assert lines.suppressed("192.0.2.2", "no token") == 0
    assert lines.suppressed("192.0.2.1", "unknown key") == 0
    now[0] = 60
    assert [lines.suppressed("192.0.2.1", "no token") for _ in range(2)] == [2, 0]


def test_the_last_64_bits_of_an_address_are_one_network() -> None:
    lines = Lines(1, lambda: 0.0)
    counts = [lines.suppressed(f"2001:db8::{n:x}", "no token") for n in range(3)]
    assert counts == [0, None, None]
    assert lines.suppressed("2001:db8:0:1::1", "no token") == 0


def test_the_memory_of_networks_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lutong_chassis.http.limits._PRINCIPALS_MAX", 3)
    lines = Lines(1, lambda: 0.0)
    for n in range(10):
        lines.suppressed(f"192.0.2.{n}", "no token")
    assert len(lines.minutes) == 3


def test_the_memory_of_buckets_is_bounded_and_forgets_the_silent_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lutong_chassis.http.limits._PRINCIPALS_MAX", 3)
    limit = RateLimit(1, 1, lambda: 0.0)
    for subject in ("ann", "bo", "cy", "ann", "dee"):
        limit.wait_s(subject)
    assert list(limit.buckets) == ["cy", "ann", "dee"]
