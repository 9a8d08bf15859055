"""The discovery of services: rules without a database."""

from dataclasses import replace

import pytest

from lutong_contracts.feed import PostPublished
from lutong_contracts.registry import ServiceDiscovered, ServiceNotFound
from lutong_registry.discovery import domain
from lutong_registry.discovery.domain import Listing, Match

FUND = Listing("fund", "gov", suspended=False, version=1, title="公积金提取", page="pages/fund")


def a_post(program_id: str | None = None) -> PostPublished:
    return PostPublished(post_id="p", author_id="a", text="公积金新政策", program_id=program_id)


def test_the_authors_choice_is_never_replaced_by_a_guess() -> None:
    guess = [Match(FUND, named=True, coverage=1.0)]
    assert domain.discover(a_post("gone"), None, guess) == ServiceNotFound(post_id="p", reason="unknown_program")
    assert domain.discover(a_post("fund"), replace(FUND, suspended=True), guess) == ServiceNotFound(
        post_id="p", reason="suspended"
    )
    assert domain.discover(a_post("fund"), replace(FUND, version=None), guess) == ServiceNotFound(
        post_id="p", reason="not_released"
    )
    found = domain.discover(a_post("fund"), FUND, [])
    assert isinstance(found, ServiceDiscovered)
    assert found.matched_by == "program"


def test_words_must_name_a_service_or_cover_most_of_its_title() -> None:
    assert domain.discover(a_post(), None, [Match(FUND, named=False, coverage=0.5)]) == ServiceNotFound(
        post_id="p", reason="no_match"
    )
    for match in (Match(FUND, named=True, coverage=0.1), Match(FUND, named=False, coverage=0.75)):
        found = domain.discover(a_post(), None, [match])
        assert isinstance(found, ServiceDiscovered)
        assert found.matched_by == "words"


def test_a_match_without_a_released_version_is_a_bug_of_the_search() -> None:
    post = PostPublished(post_id="p-1", author_id="a", text="公积金提取")
    with pytest.raises(ValueError, match="fund has no released version"):
        domain.discover(post, None, [Match(replace(FUND, version=None), named=True, coverage=1.0)])
