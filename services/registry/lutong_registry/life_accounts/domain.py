"""When an account may push, and what becomes of a push. Pure: no clock, no database, no ids made here.

A push counts at the moment that it is to be sent at, whenever it was asked for and whenever its turn comes: one for 23:59 on Sunday
that is sent at 00:01 on Monday counts on Sunday.
"""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, time, timedelta
from typing import Final, Literal, NamedTuple
from zoneinfo import ZoneInfo

from lutong_registry.programs.domain import Program, Refusal, why_not_promoted

Kind = Literal["calendar_week", "rolling_7d"]
State = Literal["draft", "quota_reserved", "sending", "sent", "partial", "recalled", "cancelled"]

HOLDING: Final[frozenset[State]] = frozenset({"quota_reserved", "sending", "sent", "partial", "recalled"})
"""A push in one of these states has a place in the quota. What was recalled was sent: its place is not given back."""
ENDS: Final[Mapping[Literal["cancel", "recall"], State]] = {"cancel": "cancelled", "recall": "recalled"}
ZONE: Final = ZoneInfo("Asia/Shanghai")
AHEAD_MAX: Final = timedelta(days=31)
"""How far ahead a push may be scheduled."""
_WEEK: Final = timedelta(days=7)


class Policy(NamedTuple):
    """How many pushes an account has, per calendar week (Monday 00:00 to Monday 00:00, Asia/Shanghai) or in any seven days."""

    policy_id: int
    effective_from: datetime
    kind: Kind
    quota: int


class Window(NamedTuple):
    """From when until before when pushes count together."""

    starts_at: datetime
    ends_at: datetime


class Quota(NamedTuple):
    """What is left to an account at a moment. `resets_at` is when more will be: None while nothing is used."""

    policy: Policy
    used: int
    remaining: int
    window: Window
    resets_at: datetime | None


class Push(NamedTuple):
    """A push as it is stored."""

    push_id: str
    account_id: str
    program_id: str
    title: str
    body: str
    state: State
    counts_at: datetime | None
    policy_id: int | None
    number: int | None
    reached: str
    delivered: int
    reason: str | None
    started_at: datetime | None
    ended_at: datetime | None


def week_of(moment: datetime) -> Window:
    """The calendar week of a moment: by the local date, so that a change of the clock makes no week of another length wrong."""
    monday = moment.astimezone(ZONE).date()
    monday -= timedelta(days=monday.weekday())
    return Window(
        datetime.combine(monday, time.min, ZONE).astimezone(moment.tzinfo),
        datetime.combine(monday + _WEEK, time.min, ZONE).astimezone(moment.tzinfo),
    )


def policy_at(policies: Sequence[Policy], moment: datetime) -> Policy:
    """The policy of a moment: the one that began last; of two that began together, the later one."""
    return max(
        (each for each in policies if each.effective_from <= moment),
        key=lambda each: (each.effective_from, each.policy_id),
    )


def quota_at(policies: Sequence[Policy], taken: Collection[datetime], moment: datetime) -> Quota:
    """What is left at a moment, after what is taken: by the policy of then, in every window that would hold one more push."""
    policy = policy_at(policies, moment)
    used = _used(policy, taken, moment)
    left = max(0, policy.quota - used)
    week = week_of(moment)
    window = week if policy.kind == "calendar_week" else Window(moment - _WEEK, moment)
    changes = [week.ends_at, *(each.effective_from for each in policies), *(each + _WEEK for each in taken)]
    resets_at = next((at for at in sorted(changes) if at > moment and _left(policies, taken, at) > left), None)
    if policy.kind == "calendar_week" and policy.quota:
        resets_at = min(resets_at or week.ends_at, week.ends_at)
    return Quota(policy, used, left, window, resets_at)


def _left(policies: Sequence[Policy], taken: Collection[datetime], moment: datetime) -> int:
    policy = policy_at(policies, moment)
    return policy.quota - _used(policy, taken, moment)


def _used(policy: Policy, taken: Collection[datetime], moment: datetime) -> int:
    """The most that any window has which holds the moment. Seven days are open at their begin: a push and one 7 days later are apart."""
    if policy.kind == "calendar_week":
        starts_at, ends_at = week_of(moment)
        return sum(starts_at <= each < ends_at for each in taken)
    ends = [moment, *(each for each in taken if moment <= each < moment + _WEEK)]
    return max(sum(end - _WEEK < each <= end for each in taken) for end in ends)


def why_not_reserve(push: Push, quota: Quota, moment: datetime, now: datetime) -> Refusal | None:
    """Why a push cannot have a place in the quota of its moment, if it cannot."""
    if push.state != "draft":
        return Refusal("wrong_state", f"push {push.push_id!r} is {push.state}: only a draft is handed in")
    if not now <= moment <= now + AHEAD_MAX:
        return Refusal(
            "bad_send_at", f"send_at must be from now on, and within {AHEAD_MAX.days} days: leave it out to send now"
        )
    if not quota.remaining:
        until = quota.resets_at.astimezone(ZONE).isoformat() if quota.resets_at else "a policy allows it"
        detail = (
            f"{quota.used} of {quota.policy.quota} pushes are used ({quota.policy.kind}): there is room again from {until}; "
            "set send_at to then, or cancel a push that is not sent yet"
        )
        return Refusal("quota_exhausted", detail)
    return None


def why_not_ended(push: Push, verb: Literal["cancel", "recall"]) -> Refusal | None:
    """Why a push cannot be cancelled, or recalled."""
    if verb == "cancel" and push.state not in {"draft", "quota_reserved"}:
        return Refusal("wrong_state", f"push {push.push_id!r} is {push.state}: recall what is sent, it counts though")
    if verb == "recall" and push.state not in {"sending", "sent", "partial"}:
        return Refusal("wrong_state", f"push {push.push_id!r} is {push.state}: cancel what is not sent yet")
    return None


def begun(push: Push, program: Program | None, now: datetime) -> Push:
    """A push whose turn has come: it is sending, or was cancelled because its program may not be promoted any more."""
    if push.state != "quota_reserved":
        return push
    if refusal := why_not_promoted(program):
        return push._replace(state="cancelled", reason=refusal.kind, ended_at=now)
    return push._replace(state="sending", started_at=now)


def after_chunk(push: Push, followers: Sequence[str], chunk: int, program: Program | None, now: datetime) -> Push:
    """A push after the next followers have it: sent when there are no more, partial when its program may not be promoted any more."""
    if push.state != "sending":
        return push
    if refusal := why_not_promoted(program):
        return push._replace(state="partial", reason=refusal.kind, ended_at=now)
    reached = followers[-1] if followers else push.reached
    further = push._replace(reached=reached, delivered=push.delivered + len(followers))
    return further if len(followers) == chunk else further._replace(state="sent", ended_at=now)


def by_account(taken: Sequence[Push]) -> dict[str, list[datetime]]:
    """When the pushes of accounts count that have a place."""
    known: dict[str, list[datetime]] = {}
    for push in taken:
        if push.counts_at and push.state in HOLDING:
            known.setdefault(push.account_id, []).append(push.counts_at)
    return known
