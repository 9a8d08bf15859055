"""What commands about releases take, and what their queries give."""

from collections.abc import Sequence
from datetime import datetime
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from lutong_chassis import Command
from lutong_contracts.gray import Word
from lutong_contracts.hosts import Needs
from lutong_contracts.registry import Evidence
from lutong_contracts.values import Identifier, Reason, VersionNumber
from lutong_registry.programs.domain import State, Version
from lutong_registry.releases.domain import Quota, Rest, Wanted
from lutong_registry.releases.guardrails import Measured, Metric, odds, odds_needed


class WantedAudience(Command):
    """Who is to see a version in gray. What is absent stays as it was; empty means everywhere."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"percent": 10, "regions": ["浙江"]}]})

    percent: Literal[10, 30, 50] = Field(description="Of the viewers, by their buckets: 10, then 30, then 50.")
    viewers: list[Identifier] | None = Field(None, max_length=500, description="They see it in any case.")
    regions: list[Word] | None = Field(None, max_length=50, examples=[["浙江"]])
    devices: list[Word] | None = Field(None, max_length=20, examples=[["android"]])

    def wanted(self) -> Wanted:
        """The same, for the rules."""
        lists = (self.viewers, self.regions, self.devices)
        return Wanted(self.percent, *(None if each is None else tuple(each) for each in lists))


class Rollback(Command):
    """How far to roll back, and why. Empty: to the version before."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"to": 1, "reason": "wrong_prices"}]})

    to: VersionNumber | None = Field(None, description="The version to be in force again; absent: the one before.")
    reason: Reason = Field("rolled_back", description="Why: it is published when a version in gray stops.")


class QuotaView(BaseModel):
    """How many withdrawals are left in a day or a month of Asia/Shanghai, and when all of them are there again."""

    limit: int
    used: int
    left: int
    resets_at: datetime

    @classmethod
    def of(cls, quota: Quota) -> "QuotaView":
        """A quota as it is shown."""
        return cls(**quota._asdict(), left=quota.left)


class WithdrawalsView(BaseModel):
    """How many withdrawals are left to a program."""

    program_id: str
    day: QuotaView
    month: QuotaView

    @classmethod
    def of(cls, program_id: str, left: Rest) -> "WithdrawalsView":
        """What is left, as it is shown."""
        return cls(program_id=program_id, day=QuotaView.of(left.day), month=QuotaView.of(left.month))


class AudienceView(BaseModel):
    """Who sees a version in gray. Of the viewers who see it in any case, how many there are."""

    percent: int
    viewers: int
    regions: list[str]
    devices: list[str]


class InForceView(BaseModel):
    """What a program opens in an app, and what it needs there."""

    program_id: str
    host_id: str
    version: int
    title: str
    page: str
    needs: Needs


class ArmView(BaseModel):
    """Of so many trials so many hits."""

    trials: int
    hits: int


class GuardrailView(BaseModel):
    """What came of a metric at one stage of gray; the version is taken back when `odds` reach `odds_needed`."""

    stage: int
    metric: Metric
    gray: ArmView
    control: ArmView
    odds: int
    odds_needed: int

    @classmethod
    def of(cls, measured: Measured) -> "GuardrailView":
        """What was measured, as it is shown."""
        gray, control = ArmView(**measured.gray._asdict()), ArmView(**measured.control._asdict())
        reached, needed = int(odds(measured)), odds_needed(measured.stage)
        return cls(
            stage=measured.stage, metric=measured.metric, gray=gray, control=control, odds=reached, odds_needed=needed
        )


class ReleaseView(BaseModel):
    """A version on its way to everybody, as its merchant sees it."""

    program_id: str
    version: int
    state: State
    promoted: bool = Field(description="Whether words lead to it: it passed both audits.")
    audience: AudienceView | None
    control_version: int | None = Field(description="What all others open, while it is in gray.")
    ended_for: str | None
    evidence: Evidence | None = Field(description="What a guardrail saw, if one took the version back.")
    guardrails: list[GuardrailView] = Field(description="What is measured in gray, stage by stage.")


def release_view(
    program_id: str, version: Version, control: Version | None, measured: Sequence[Measured]
) -> ReleaseView:
    """A version as its merchant sees it."""
    audience = version.audience and AudienceView(
        percent=version.audience.percent,
        viewers=len(version.audience.viewers),
        regions=list(version.audience.regions),
        devices=list(version.audience.devices),
    )
    return ReleaseView(
        program_id=program_id,
        version=version.number,
        state=version.state,
        promoted=version.state in {"approved", "gray", "released", "superseded"} and not version.admitted_only,
        audience=audience,
        control_version=control.number if control and audience else None,
        ended_for=version.ended_for or version.rejected_for,
        evidence=version.evidence,
        guardrails=[GuardrailView.of(each) for each in measured],
    )
