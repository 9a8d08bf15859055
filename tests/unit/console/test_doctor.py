"""The doctor's judgement: each weakness is found with its remedy, and what is well is let be."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from lutong_console.database_checks import judge as judge_database
from lutong_console.kafka_checks import judge_topic
from lutong_contracts.topics import MERCHANTS, POSTS

NOW = datetime(2026, 1, 1, tzinfo=UTC)
WELL: dict[str, Any] = {
    "now": NOW,
    "oldest_s": 0.0,
    "overdue_s": -60.0,
    "transaction_read_only": "off",
    "synchronous_commit": "on",
    "fsync": "on",
    "full_page_writes": "on",
    "dead_table": "inbox",
    "dead_rows": 1_000_000,
}
AS_DECLARED = {
    "retention.ms": str(int(POSTS.retention.total_seconds() * 1000)),
    "cleanup.policy": "delete",
    "max.message.bytes": str(POSTS.max_message_bytes),
    "min.insync.replicas": "2",
    "unclean.leader.election.enable": "false",
}


def test_a_database_that_is_well_is_let_be() -> None:
    assert list(judge_database("feed", WELL, NOW)) == []


@pytest.mark.parametrize(
    ("row", "what", "then"),
    [
        ({"now": NOW - timedelta(seconds=9)}, "clock is 9 s off", "synchronise the clocks"),
        ({"oldest_s": 60.0}, "an event waits for the relay since 60 s", "lutong logs feed"),
        ({"overdue_s": 90.0}, "a deadline is overdue by 90 s", "lutong logs feed"),
        ({"transaction_read_only": "on"}, "its database takes no writes", "promote a server"),
        ({"synchronous_commit": "off"}, "synchronous_commit = off", "ALTER SYSTEM RESET synchronous_commit"),
        ({"fsync": "off"}, "fsync = off", "ALTER SYSTEM RESET fsync"),
        ({"dead_rows": 1_200_000}, "1,200,000 dead rows in inbox", "VACUUM (ANALYZE) inbox"),
        ({"full_page_writes": "off"}, "full_page_writes = off", "ALTER SYSTEM RESET full_page_writes"),
    ],
)
def test_a_weak_database_is_found_with_its_remedy(row: dict[str, Any], what: str, then: str) -> None:
    (finding,) = judge_database("feed", WELL | row, NOW)
    assert what in finding.what
    assert then in finding.then


def test_a_topic_as_declared_is_let_be() -> None:
    assert list(judge_topic(POSTS, AS_DECLARED, POSTS.partitions, 3)) == []
    assert list(judge_topic(POSTS, AS_DECLARED | {"min.insync.replicas": "1"}, POSTS.partitions, 1)) == []
    assert list(judge_topic(POSTS, AS_DECLARED | {"retention.ms": "-1"}, POSTS.partitions, 3)) == []


@pytest.mark.parametrize(
    ("setting", "what"),
    [
        ({"retention.ms": "1000"}, "keeps 1000 ms"),
        ({"cleanup.policy": "compact"}, "is compacted"),
        ({"max.message.bytes": "1000"}, "the relay would be stuck"),
        ({"min.insync.replicas": "1"}, "a single broker may lose"),
        ({"unclean.leader.election.enable": "true"}, "lets a broker lead that missed events"),
    ],
)
def test_a_weak_topic_is_found_with_its_remedy(setting: dict[str, str], what: str) -> None:
    (finding,) = judge_topic(POSTS, AS_DECLARED | setting, POSTS.partitions, 3)
    assert what in finding.what
    assert next(iter(setting)) in finding.then


def test_a_topic_of_entities_that_is_not_compacted_is_found() -> None:
    compacted = AS_DECLARED | {
        "cleanup.policy": "compact",
        "retention.ms": "604800000",
    }  # Kafka's default, which is ignored
    assert list(judge_topic(MERCHANTS, compacted, MERCHANTS.partitions, 3)) == []
    for policy in ("delete", "compact,delete"):
        (finding,) = judge_topic(MERCHANTS, compacted | {"cleanup.policy": policy}, MERCHANTS.partitions, 3)
        assert finding.what.startswith(f"lutong.registry.merchants is not compacted ({policy})")
        assert "cleanup.policy=compact; then: lutong publish-entities" in finding.then


def test_a_topic_with_other_partitions_than_declared_is_found() -> None:
    (finding,) = judge_topic(POSTS, AS_DECLARED, 3, 3)
    assert "has 3 partitions, the contracts want 12" in finding.what
