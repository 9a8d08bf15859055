"""What commands about light stores take, and what queries give."""

import difflib
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Annotated, Any, Final

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints, ValidationInfo, field_validator

from lutong_chassis import Command
from lutong_contracts.values import HOURS_PATTERN, Identifier, OneLine, Reason, Text, Title, VersionNumber
from lutong_registry.light_stores.domain.rendering import PLACEHOLDERS, placeholders, stray_brace
from lutong_registry.light_stores.manifests import template_problems
from lutong_registry.programs.bodies import Keyword, Word

_NAMES: Final = ", ".join(f"{{{name}}}" for name in PLACEHOLDERS)
STORES_MAX: Final = 200
"""Stores per request: each of them is a program."""


def _knows_its_placeholders(text: str) -> str:
    """Refuse what would stand in ten thousand shops as it is written here."""
    for name in placeholders(text):
        if name not in PLACEHOLDERS:
            near = difflib.get_close_matches(name, PLACEHOLDERS, 1)
            hint = f"did you mean {{{near[0]}}}?" if near else f"there are {_NAMES}"
            raise ValueError(f"has the placeholder {{{name[:40]}}}, which is no field of a store: {hint}")
    if stray_brace(text):
        raise ValueError(f"has a brace that belongs to no placeholder: there are {_NAMES}")
    return text


Pattern = Annotated[Text, AfterValidator(_knows_its_placeholders)]
"""Text with placeholders, such as `屈臣氏 {store_name}`."""


class Template(Command):
    """What a brand's light stores have in common. What they sell is another program's: prices change in one place."""

    title: Annotated[Pattern, StringConstraints(min_length=1, max_length=80), OneLine] = Field(
        examples=["屈臣氏 {store_name}"]
    )
    description: Annotated[Pattern, StringConstraints(max_length=2000)] = Field("", examples=["营业时间 {hours}"])
    page: Annotated[Pattern, StringConstraints(min_length=1, max_length=256)] = Field(
        examples=["pages/shop/index?store={store_id}"]
    )
    keywords: list[Annotated[Pattern, StringConstraints(min_length=1, max_length=30)]] = Field(
        default_factory=list, max_length=20, examples=[["屈臣氏", "{city}屈臣氏"]]
    )
    category: Word | None = Field(None, examples=["beauty"])
    region: Annotated[Pattern, StringConstraints(min_length=1, max_length=30)] | None = Field(None, examples=["{city}"])
    offers_of: Identifier | None = Field(
        None,
        description="A released program of the merchant: its offers are sold, at its prices.",
        examples=["watsons"],
    )

    @field_validator("title", "description", "page", "keywords", "category", "region")
    @classmethod
    def _makes_a_manifest(cls, value: Any, about: ValidationInfo) -> Any:  # noqa: ANN401  # whatever the field has
        """Filled for a store with short names, it must be what a manifest may have there."""
        field = str(about.field_name)
        found = [each for each in template_problems({field: value}) if each.pointer.split("/")[1] == field]
        if found:
            raise ValueError(f"{found[0].detail.removeprefix(f'{field} ')}, with its placeholders filled")
        return value


class Submission(Command):
    """A version of a template for review; the first one makes the template."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "merchant_id": "watsons",
                    "version": 1,
                    "template": {"title": "屈臣氏 {store_name}", "page": "pages/shop?store={store_id}"},
                }
            ]
        }
    )

    merchant_id: Identifier = Field(examples=["watsons"])
    version: VersionNumber = Field(examples=[1])
    template: Template


class Overrides(Command):
    """Fields of a store's manifest that are not those of the template."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"keywords": ["机场店"]}]})

    title: Title | None = None
    description: Annotated[Text, StringConstraints(max_length=2000)] | None = None
    page: Annotated[str, StringConstraints(min_length=1, max_length=256)] | None = None
    keywords: list[Keyword] | None = Field(None, max_length=20)
    category: Word | None = None
    region: Word | None = None

    @property
    def fields(self) -> dict[str, Any]:
        """Those that are set."""
        return self.model_dump(exclude_none=True)


class LightStoreRow(Command):
    """A light store as its brand wants it: the location that it is for, and what its template leaves open."""

    template_id: Identifier = Field(examples=["watsons-light"])
    store_id: Identifier = Field(description="the location", examples=["watsons-sh-001"])
    name: Title = Field(examples=["南京西路店"])
    hours: Annotated[str, StringConstraints(pattern=HOURS_PATTERN, max_length=200)] | None = Field(
        None, examples=["1-5 09:00-22:00;6,7 10:00-20:00"]
    )
    city: Word | None = Field(None, examples=["上海"])
    overrides: Overrides = Field(default_factory=Overrides)


class LightStores(Command):
    """Several light stores at once."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "stores": [
                        {
                            "template_id": "watsons-light",
                            "store_id": "watsons-sh-001",
                            "name": "南京西路店",
                            "city": "上海",
                        }
                    ]
                }
            ]
        }
    )

    stores: list[LightStoreRow] = Field(min_length=1, max_length=STORES_MAX)

    @field_validator("stores")
    @classmethod
    def _stores_come_once(cls, stores: list[LightStoreRow]) -> list[LightStoreRow]:
        seen = set()
        for row in stores:
            if (key := (row.template_id, row.store_id)) in seen:
                raise ValueError(f"each store_id may come once, {row.store_id!r} is repeated")
            seen.add(key)
        return stores


class Edits(Command):
    """What the merchant of a store wants otherwise than the template has it: all of it, what is not named is undone."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"edits": {"description": "地铁 2 号口"}}]})

    edits: Overrides


class Start(Command):
    """A version for all stores, in stages of 1 %, 10 % and 100 %."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"version": 2, "wait_s": 600}]})

    version: VersionNumber
    wait_s: int = Field(600, ge=0, le=604_800, description="how long a stage is watched before the next one begins")
    errors_max: int = Field(0, ge=0, le=100_000, description="how many stores may fail before it stops")


class Stop(Command):
    """Why."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"reason": "wrong_prices"}]})

    reason: Reason = Field(examples=["wrong_prices"])


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
