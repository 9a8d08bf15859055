"""Life accounts: V28 no window of an account holds more pushes than its quota, and what is counted of a week is what there is."""

from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Final

from lutong_console.verify.collect import moment
from lutong_console.verify.joining import Row
from lutong_console.verify.violation import Violation
from lutong_console.verify.world import World

_SHANGHAI: Final = timedelta(hours=8)
"""Since 1991 its clock is never changed."""
_WEEK: Final = timedelta(days=7)

Week = tuple[int, int]


def pushes_keep_their_quota(world: World) -> Iterator[Violation]:
    """V28: in the order in which pushes got their places, none was one too many by its policy: of a calendar week in Asia/Shanghai,
    or of any seven days. A week's row counts the pushes that have a place in it; what reached a follower has a place.

    Weeks are worked out by ISO's calendar, not as the registry does. A cancelled push has no place.
    """
    policies = {row["policy_id"]: row for row in world.select("SELECT * FROM registry.push_policy")}
    accounts = world.by(
        "account_id",
        push="SELECT * FROM registry.push ORDER BY account_id, number",
        window="SELECT * FROM registry.push_window ORDER BY account_id",
    )
    for account_id, of in accounts:
        weeks: Counter[Week] = Counter()
        taken: list[datetime] = []
        for push in of.each("push"):
            yield from _placed(push, policies, taken, weeks)
        for row in of.each("window"):
            week = _week(moment(row, "starts_at"))
            if row["used"] != weeks.pop(week, 0):
                yield Violation(
                    "V28", f"{row['used']} places are counted in {_named(week)}", f"life account {account_id}"
                )
        for week, count in sorted(weeks.items()):
            yield Violation("V28", f"{count} pushes of {_named(week)} are not counted", f"life account {account_id}")


def _placed(push: Row, policies: Mapping[int, Row], taken: list[datetime], weeks: Counter[Week]) -> Iterator[Violation]:
    where, policy = f"push {push['push_id']}", policies.get(push["policy_id"])
    if push["state"] in {"draft", "cancelled"}:
        if push["delivered"]:
            yield Violation("V28", f"it is {push['state']}, and {push['delivered']} followers have it", where)
        return
    if policy is None or push["counts_at"] is None:
        yield Violation("V28", f"it is {push['state']}, without a place in a quota", where)
        return
    at = moment(push, "counts_at")
    if policy["kind"] == "calendar_week":
        weeks[_week(at)] += 1
        held = sum(_week(each) == _week(at) for each in taken)
    else:
        ends = [at, *(each for each in taken if at <= each < at + _WEEK)]
        held = max(sum(end - _WEEK < each <= end for each in taken) for end in ends)
    if held >= policy["quota"]:
        yield Violation("V28", f"it is one more than the quota of {policy['quota']} ({policy['kind']})", where)
    taken.append(at)


def _week(at: datetime) -> Week:
    year, week, _ = (at + _SHANGHAI).isocalendar()
    return year, week


def _named(week: Week) -> str:
    return f"week {week[1]} of {week[0]}"
