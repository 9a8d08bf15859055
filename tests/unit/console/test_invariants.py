"""What the console shows of the auditor's last look, to people and to Prometheus."""

from datetime import UTC, datetime, timedelta

from prometheus_client.parser import text_string_to_metric_families

from lutong_console.verify.auditor import Checked
from lutong_console.verify.violation import Violation
from lutong_console.web.invariants import exposition, judged

NOW = datetime(2026, 3, 10, 12, tzinfo=UTC)
LOST = Violation("V1", "committed but not on its topic", "event e-1")
LAST = Checked(NOW, 1.5, 10, 20, {"V1": 70}, (LOST,), is_first=False)


def test_each_identity_is_judged_with_its_witnesses() -> None:
    found = {each.identity: each for each in judged(LAST)}
    assert (found["V1"].broken, found["V1"].witnesses) == (70, [LOST])
    assert (found["V2"].broken, found["V2"].witnesses) == (0, [])


def test_what_was_compared_with_nothing_is_not_judged() -> None:
    assert [each.identity for each in judged(LAST) if each.broken is None] == ["V8", "V11"]


def test_metrics_are_read_by_prometheus() -> None:
    families = {
        family.name: family.samples
        for family in text_string_to_metric_families(exposition(LAST, NOW + timedelta(minutes=5)))
    }
    broken = {sample.labels["identity"]: sample.value for sample in families["lutong_invariant_violations"]}
    assert (broken["V1"], broken["V3"], "V8" in broken) == (70, 0, False)
    (checked,) = families["lutong_invariants_checked_timestamp_seconds"]
    (age,) = families["lutong_invariants_age_seconds"]
    assert (checked.value, age.value) == (NOW.timestamp(), 300)


def test_there_are_no_metrics_before_the_first_look() -> None:
    assert exposition(None, NOW) == ""
