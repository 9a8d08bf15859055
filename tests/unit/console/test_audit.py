"""The audit on its way out: who may read its topics, how long they are kept, and how its rows are merged."""

from datetime import timedelta

from lutong_console.audit import changed, merged
from lutong_console.cli.commands.acl import declared
from lutong_console.subscriptions import handled_types
from lutong_contracts import TOPICS
from lutong_contracts.topics import AUDITS, RETENTION, SERVICES


def test_each_service_has_a_topic_for_its_audit_that_only_it_writes() -> None:
    assert sorted(topic.owner for topic in AUDITS) == sorted(SERVICES)
    assert set(AUDITS) <= set(TOPICS)
    for topic in AUDITS:
        mine = [(rule.principal, rule.operation) for rule in declared() if rule.name == topic.name]
        assert mine == [(f"lutong-{topic.owner}", "WRITE")]


def test_no_service_consumes_an_audit() -> None:
    assert not [name for types in handled_types().values() for name in types if "action-audited" in name]


def test_audit_topics_are_kept_for_longer_than_a_year() -> None:
    assert {topic.retention > timedelta(days=366) for topic in AUDITS} == {True}
    assert {topic.retention for topic in TOPICS if topic not in AUDITS} == {RETENTION}


def test_rows_of_several_services_are_one_list_the_latest_first() -> None:
    one = [{"id": 2, "at": "2026-01-01T00:00:03+00:00"}, {"id": 1, "at": "2026-01-01T00:00:01+00:00"}]
    other = [{"id": 9, "at": "2026-01-01T08:00:02+08:00"}]
    assert [row["id"] for row in merged([one, other])] == [2, 9, 1]


def test_what_changed_is_shown_field_by_field_in_one_cell() -> None:
    assert (
        changed({"limit_minor": 300, "state": "open"}, {"limit_minor": 900})
        == "limit_minor 300 -> 900, state open -> -"
    )
    assert changed(None, {"use_id": "u-1"}) == "use_id u-1"
    assert changed({"by": None}, {"by": "a"}) == "by - -> a"
    assert changed(None, None) == "-"
