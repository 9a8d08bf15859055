"""What commands about light stores take."""

import difflib
from typing import Annotated, Any, Final

from pydantic import AfterValidator, ConfigDict, Field, StringConstraints, ValidationInfo, field_validator

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
