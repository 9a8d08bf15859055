"""The labels of hot titles: they name no title, and two readings of them agree."""

import re
from pathlib import Path

import pytest

from tools.datasets.hot_titles import LABELS, Label, agreement, judged, labelled_posts, labels, services

DATA = Path(__file__).parents[4] / "shared" / "data"


def test_labels_hold_digests_and_no_words() -> None:
    known = labels()
    assert len(known) == 600
    assert all(re.fullmatch("[0-9a-f]{16}", digest) for digest in known)
    assert (LABELS / "hot_titles.csv").read_text(encoding="utf-8").isascii()


def test_agreement_is_measured_beyond_chance() -> None:
    one, other = Label("near", "s", "s", ("a",)), Label("near", "n", "n", ())
    assert agreement([one, other]) == 1
    split = [one, other, Label("near", "s", "n", ("a",)), Label("near", "n", "s", ())]
    assert agreement(split) == 0
    assert agreement(list(labels().values())) > 0.8


def test_where_readings_differ_silence_is_right() -> None:
    assert Label("near", "h", "s", ("a",)).no_card
    assert Label("near", "n", "s", ("a",)).sensible == ()
    assert Label("near", "s", "s", ("a",)).sensible == ("a",)


def test_every_judged_card_finds_its_title_and_its_service() -> None:
    if not (DATA / "weibo").is_dir():
        pytest.skip("the open data is not beside the project (../shared/data)")
    for pool in judged(DATA):
        known = {service["program_id"] for service in pool.services}
        assert len(pool.posts) > 20, pool.name
        assert all(program in known for post in pool.posts for program in post["sensible"]), pool.name


def test_every_label_finds_its_title_and_its_services() -> None:
    if not (DATA / "weibo").is_dir():
        pytest.skip("the open data is not beside the project (../shared/data)")
    posts = list(labelled_posts(DATA))
    known = {service["program_id"] for service in services(DATA)}
    assert len(posts) == 600
    assert all(program in known for post in posts for program in post["sensible"])
