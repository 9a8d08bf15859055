"""What commands and queries about light stores answer."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from pydantic import BaseModel, Field


class Refused(BaseModel):
    """A row that was not taken: the place in the request, the column, and why with what to do. `later`: what it needs may be on
    its way from another service."""

    row: int
    column: str
    reason: str
    later: bool = False


class Taken(BaseModel):
    """What became of rows. `generated` stores are new, `changed` ones had another row; the rest was refused, or is as it was."""

    generated: int
    changed: int
    unchanged: int
    refused: list[Refused]


class RolloutView(BaseModel):
    """A rollout as it is now; `detail` is the first thing that went wrong."""

    rollout_id: str
    version: int
    state: str = Field(examples=["running", "reverting", "stopped", "completed"])
    percent: int
    upgraded: int
    conflicts: int
    skipped: int
    errors: int
    reverted: int
    reason: str | None
    detail: str | None
    next_at: datetime


class TemplateVersionView(BaseModel):
    """A version of a template; `sample` is the manifest of a made-up store."""

    version: int
    state: str
    rejected_for: str | None
    template: Mapping[str, Any]
    sample: Mapping[str, Any]


class TemplateListed(BaseModel):
    """A template among others: whose it is, and the version that new stores get."""

    template_id: str
    merchant_id: str
    version: int | None


class TemplateView(BaseModel):
    """A template: the version that new stores get, all versions, how many stores it has, and its last rollout."""

    template_id: str
    merchant_id: str
    version: int | None
    versions: Sequence[TemplateVersionView]
    stores: int
    detached: int
    rollout: RolloutView | None


class DifferenceView(BaseModel):
    """A field that differs: in the template, in the store, in the other version, and after an upgrade to it."""

    field: str
    base: Any
    store: Any
    new: Any
    taken: Any
    conflict: bool


class LightStoreView(BaseModel):
    """A light store: `manifest` is the render of its template version, row and edits; `drifted` when the released one differs."""

    template_id: str
    store_id: str
    program_id: str
    version: int
    program_version: int
    digest: str
    attached: bool
    drifted: bool
    row: Mapping[str, Any]
    edits: Mapping[str, Any]
    conflicts: Sequence[str]
    problem: str | None
    manifest: Mapping[str, Any]
    by_hand: Mapping[str, Any] = Field(
        description="What the program in force has otherwise, when it drifted: add it to the edits to keep it."
    )
    differences: Sequence[DifferenceView] = Field(
        description="against the version that is asked for, or its own: what the store has of its own"
    )


class NearbyStore(BaseModel):
    """A light store that can be opened, and how far it is in a straight line."""

    program_id: str
    store_id: str
    title: str
    page: str
    distance_m: int


class DriftView(BaseModel):
    """A store whose program is not what its template makes of it, and why."""

    store_id: str
    program_id: str
    version: int
    reason: str = Field(examples=["changed_by_hand", "not_released", "not_upgraded", "edits_conflict"])
    detail: str


class DriftReport(BaseModel):
    """A page of stores that differ; `after` is the last store that was looked at, null when that was the last one."""

    looked_at: int
    stores: list[DriftView]
    after: str | None


class PlanView(BaseModel):
    """What an upgrade to a version would do to a page of stores; `after` as in the drift report."""

    looked_at: int
    changed: int
    unchanged: int
    conflicts: int
    refused: list[DriftView]
    after: str | None
