"""What happens to a version beside its review: two audits, withdrawal, gray, forced offline. Pure: no clock, no database, no ids made here."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final, Literal, NamedTuple
from zoneinfo import ZoneInfo

from lutong_contracts.gray import STEPS, Audience, widens
from lutong_contracts.registry import (
    Evidence,
    VersionAdmitted,
    VersionForcedOffline,
    VersionGrayed,
    VersionGrayStopped,
    VersionSubmitted,
    VersionWithdrawn,
)
from lutong_registry.programs import hosting
from lutong_registry.programs.domain import Change, Program, Refusal, Version, ready, roll_back

StoppedBy = Literal["merchant", "operator", "guardrail", "control"]

DAY_MAX: Final = 5
MONTH_MAX: Final = 10
"""How often versions of a program may be withdrawn, in a day and in a month of Asia/Shanghai: reviewers read each anew."""

_ZONE: Final = ZoneInfo("Asia/Shanghai")


class Quota(NamedTuple):
    """How much of what is limited is left, and from when all of it is there again."""

    limit: int
    used: int
    resets_at: datetime

    @property
    def left(self) -> int:
        """How much is left now."""
        return max(0, self.limit - self.used)


class Rest(NamedTuple):
    """How many withdrawals are left to a program."""

    day: Quota
    month: Quota


def rest(withdrawn_at: Sequence[datetime], now: datetime) -> Rest:
    """How many withdrawals are left, after those of this month."""
    today = now.astimezone(_ZONE).replace(hour=0, minute=0, second=0, microsecond=0)
    first = today.replace(day=1)
    next_month = (first + timedelta(days=32)).replace(day=1)
    return Rest(
        Quota(DAY_MAX, sum(moment >= today for moment in withdrawn_at), today + timedelta(days=1)),
        Quota(MONTH_MAX, sum(moment >= first for moment in withdrawn_at), next_month),
    )


@dataclass(frozen=True, slots=True)
class Wanted:
    """Who is to see a version: what is None stays as it was in the step before, or is everybody's."""

    percent: int
    viewers: tuple[str, ...] | None = None
    regions: tuple[str, ...] | None = None
    devices: tuple[str, ...] | None = None


def admit(program: Program, number: int) -> Change | Refusal:
    """Let a version that passed the first audit be released, while the second one is not done: no words lead to it."""
    version = ready(program, number, "admitted")
    if isinstance(version, Refusal):
        return version
    admitted = VersionAdmitted(program_id=program.program_id, version=number)
    return Change((replace(version, state="admitted", admitted_only=True),), (admitted,))


def withdraw(program: Program, number: int, left: Rest) -> Change | Refusal:
    """Take a version out of review, while some withdrawals are left."""
    version = ready(program, number, "withdrawn")
    if isinstance(version, Refusal):
        return version
    spent = next((quota for quota in left if not quota.left), None)
    if spent is not None:
        until = spent.resets_at.isoformat()
        return Refusal("no_withdrawal_left", f"{spent.used} of {spent.limit} withdrawals are used until {until}")
    withdrawn = VersionWithdrawn(program_id=program.program_id, version=number)
    return Change((replace(version, state="withdrawn", admitted_only=False),), (withdrawn,))


def resubmit(program: Program, number: int) -> Change | Refusal:
    """Hand a withdrawn version in again, as it is: what is changed gets a newer number. The newest one alone: none is in flight then."""
    version = ready(program, number, "submitted")
    if isinstance(version, Refusal):
        return version
    newest = max(known.number for known in program.versions)
    if number != newest:
        return Refusal("version_not_newer", f"version {number} is not newer than {newest}: hand in {newest + 1}")
    submitted = VersionSubmitted(program_id=program.program_id, version=number)
    return Change((replace(version, state="submitted"),), (submitted,))


def gray(program: Program, number: int, wanted: Wanted, salt: str) -> Change | Refusal:
    """Show a version to some viewers, or to more of them; `salt` is for the first time."""
    version = ready(program, number, "gray")
    if isinstance(version, Refusal):
        return version
    control = program.released
    if control is None:
        return Refusal("nothing_to_compare", "no version is released: the first one is released to everybody")
    if version.offers_of is not None:
        return Refusal("sells_by_reference", "a light store is upgraded by its template, over 1 %, 10 % and all stores")
    before = version.audience
    audience = _audience(before, wanted, salt)
    problem = _misstep(before, audience)
    if problem:
        return problem
    grayed = VersionGrayed(
        program_id=program.program_id,
        merchant_id=program.merchant_id,
        version=number,
        control_version=control.number,
        title=version.title,
        page=version.page,
        offers=version.offers,
        audience=audience,
        needs=version.stated_needs,
    )
    return Change((replace(version, state="gray", audience=audience, stage=version.stage + 1),), (grayed,))


def _audience(before: Audience | None, wanted: Wanted, salt: str) -> Audience:
    kept = before or Audience(salt=salt, percent=STEPS[0])
    return Audience(
        salt=kept.salt,
        percent=wanted.percent,
        viewers=kept.viewers if wanted.viewers is None else tuple(sorted(set(wanted.viewers))),
        regions=kept.regions if wanted.regions is None else tuple(sorted(set(wanted.regions))),
        devices=kept.devices if wanted.devices is None else tuple(sorted(set(wanted.devices))),
    )


def _misstep(before: Audience | None, audience: Audience) -> Refusal | None:
    """Why a version cannot go to this audience now: steps are taken one by one, and nobody loses what they see."""
    steps = STEPS[STEPS.index(before.percent) :][:2] if before else STEPS[:1]
    if audience.percent not in steps:
        instead = " or ".join(str(step) for step in steps)
        return Refusal("wrong_step", f"{audience.percent} % is not the next step: choose {instead}, or release it")
    if audience == before:
        return Refusal("no_change", f"the version is at {audience.percent} % for this audience already")
    if before and not widens(before, audience):
        return Refusal("narrower", "some who see the version would not any more: keep all viewers, regions and devices")
    return None


def take_back(program: Program, number: int, to: int | None, by: StoppedBy, reason: str) -> Change | Refusal:
    """Roll back: a version in gray goes back to its control, a released one to an earlier one, any number of steps.

    A version in gray whose control is taken back stops, too: nobody knows what it would be compared with.
    """
    version = program.version(number)
    if version is not None and version.state == "gray":
        return stop(program, by, reason)
    if version is not None and version.state == "hosted":
        return hosting.take_back(program, version, reason)
    change = roll_back(program, number, to)
    return change if isinstance(change, Refusal) else _without_gray(program, change)


def stop(program: Program, by: StoppedBy, reason: str, evidence: Evidence | None = None) -> Change | Refusal:
    """Take the version in gray back; everybody opens its control again."""
    version, control = program.in_flight, program.released
    if version is None or version.state != "gray" or control is None:
        return Refusal("not_in_gray", "no version of the program is in gray")
    stopped = VersionGrayStopped(
        program_id=program.program_id,
        version=version.number,
        control_version=control.number,
        by=by,
        reason=reason,
        evidence=evidence,
    )
    ended = replace(version, state="rolled_back", audience=None, ended_for=reason, evidence=evidence)
    return Change((ended,), (stopped,))


def force_offline(program: Program, number: int, reason: str) -> Change | Refusal:
    """Forbid a version for good. If it was released, no version is, and a version in gray stops with its control."""
    version = ready(program, number, "forced_offline")
    if isinstance(version, Refusal):
        return version
    forced = VersionForcedOffline(program_id=program.program_id, version=number, reason=reason)
    change = Change((replace(version, state="forced_offline", audience=None, ended_for=reason),), (forced,))
    return _without_gray(program, change) if version.state == "released" else change


def _without_gray(program: Program, change: Change) -> Change:
    stopped = stop(program, "control", "control_taken_back")
    if isinstance(stopped, Refusal):
        return change
    moved: tuple[Version, ...] = (*stopped.versions, *change.versions)
    return Change(moved, (*stopped.events, *change.events))
