"""What commands about life accounts take, and what their queries give."""

from datetime import datetime

from pydantic import BaseModel, ConfigDict, Field

from lutong_chassis import Command
from lutong_contracts.life_accounts import PushText
from lutong_contracts.values import Identifier, Moment, Title
from lutong_registry.life_accounts.domain import Kind, Policy, Push, Quota, State


class Draft(Command):
    """What a push has: a title, a text, and the program that it leads to."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"program_id": "watsons", "title": "周末面膜", "text": "到店自提立减"}]}
    )

    program_id: Identifier
    title: Title
    text: PushText


class Submission(Command):
    """When a push is to be sent, and whether to send it or to look only."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"send_at": "2026-12-01T09:00:00+08:00", "dry_run": True}]}
    )

    send_at: Moment | None = Field(None, description="Absent: now. It counts in the window of this moment.")
    dry_run: bool = Field(default=False, description="Decide and answer as if, and change nothing.")


class NewPolicy(Command):
    """How often accounts may push from a moment on, which is not past."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"effective_from": "2026-12-02T00:00:00+08:00", "kind": "calendar_week", "quota": 3}]
        }
    )

    effective_from: Moment
    kind: Kind = Field(description="calendar_week: Monday to Monday in Asia/Shanghai. rolling_7d: any seven days.")
    quota: int = Field(ge=0, le=1000)


class PolicyView(BaseModel):
    """A policy of pushes."""

    policy_id: int
    effective_from: datetime
    kind: Kind
    quota: int


class PushQuotaView(BaseModel):
    """What is left to an account in the window of a moment; `resets_at` is when more will be."""

    policy: PolicyView
    used: int
    remaining: int
    window_starts_at: datetime
    window_ends_at: datetime
    resets_at: datetime | None


class PushView(BaseModel):
    """A push, and how far it is."""

    push_id: str
    account_id: str
    program_id: str
    title: str
    text: str
    state: State
    send_at: datetime | None
    delivered: int
    reason: str | None
    started_at: datetime | None
    ended_at: datetime | None


class SubmissionView(BaseModel):
    """A push that was handed in, what is left of the quota after it, and how many follow its account now."""

    push: PushView
    quota: PushQuotaView
    followers: int
    dry_run: bool


class LifeAccountView(BaseModel):
    """An account that a program leads to."""

    account_id: str
    followers: int


class ReceivedPush(BaseModel):
    """A push as a follower is shown it."""

    push_id: str
    account_id: str
    program_id: str
    title: str
    text: str
    sent_at: datetime | None


def policy_view(policy: Policy) -> PolicyView:
    """A policy as it is shown."""
    return PolicyView(**policy._asdict())


def quota_view(quota: Quota) -> PushQuotaView:
    """A quota as it is shown."""
    return PushQuotaView(
        policy=policy_view(quota.policy),
        used=quota.used,
        remaining=quota.remaining,
        window_starts_at=quota.window.starts_at,
        window_ends_at=quota.window.ends_at,
        resets_at=quota.resets_at,
    )


def push_view(push: Push) -> PushView:
    """A push as its account sees it."""
    return PushView(text=push.body, send_at=push.counts_at, **push._asdict())


def received_view(push: Push) -> ReceivedPush:
    """A push as a follower sees it."""
    return ReceivedPush(text=push.body, sent_at=push.started_at, **push._asdict())
