"""What the registry's commands take, and what its queries give."""

from typing import Annotated, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints, field_validator, model_validator

from lutong_chassis import Command
from lutong_contracts.hosts import PLATFORM_MAX, CapabilityName
from lutong_contracts.values import (
    PAGE_PATTERN,
    Identifier,
    Money,
    Offer,
    OneLine,
    Printable,
    Reason,
    Text,
    Title,
    VersionNumber,
)
from lutong_registry.bodies import once
from lutong_registry.programs.domain import Program
from lutong_registry.search.domain.lexicon import stop_words
from lutong_registry.search.domain.text import key_of, plain

Word = Annotated[str, StringConstraints(min_length=1, max_length=30, strip_whitespace=True), Printable, OneLine]


def _is_specific(keyword: str) -> str:
    if key_of(plain(keyword)) in stop_words():
        raise ValueError(f"{keyword!r} is not specific to a service: name what it is or offers")
    return keyword


Keyword = Annotated[Word, AfterValidator(_is_specific)]


class Price(Money):
    """An offer's price, as strict as a price must be: 1 is an amount, "1", 1.0 and true are not."""

    model_config = ConfigDict(extra="forbid", strict=True)


class ManifestOffer(Offer):
    """An offer in which a misspelt field is refused, not ignored."""

    model_config = ConfigDict(extra="forbid")

    unit_price: Price


class PlatformVersion(Command):
    """The oldest version of its host's platform that a program runs in."""

    min_code: int = Field(ge=0, le=PLATFORM_MAX, examples=[12])


class Permission(Command):
    """What a program asks its host and the platform for, and the reason that its users are shown."""

    name: CapabilityName = Field(examples=["pay"])
    reason: Title = Field(examples=["支付订单"])


class Manifest(Command):
    """What a version of a mini-program is: what a card shows, what the search finds, what it sells."""

    title: Title = Field(examples=["公积金提取"])
    description: Annotated[Text, StringConstraints(max_length=2000)] = ""
    page: Annotated[
        str,
        StringConstraints(pattern=PAGE_PATTERN, max_length=256),
    ] = Field(examples=["pages/fund/index?from=feed"], description="path inside the program, without a leading slash")
    keywords: list[Keyword] = Field(default_factory=list, max_length=20, examples=[["公积金", "provident fund"]])
    category: Word | None = Field(None, examples=["government"])
    region: Word | None = Field(None, examples=["浙江"], description="where the service is offered; absent: everywhere")
    offers: list[ManifestOffer] = Field(default_factory=list, max_length=500)
    hosts: list[Identifier] | None = Field(
        None, min_length=1, max_length=50, description="the apps that it runs in; absent: any"
    )
    platform_version: PlatformVersion | None = Field(None, description="absent: any version of the host's platform")
    req_permissions: list[Permission] = Field(default_factory=list, max_length=20)

    @model_validator(mode="after")
    def _offers_agree(self) -> Self:
        once([offer.sku for offer in self.offers], "offers: each sku")
        if len({offer.unit_price.currency for offer in self.offers}) > 1:
            raise ValueError("offers: all prices must have one currency")
        once([each.name for each in self.req_permissions], "req_permissions: each name")
        once(self.hosts or [], "hosts: each host")
        return self


class Merchant(Command):
    """A merchant's public name."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"name": "屈臣氏"}]})

    name: Title = Field(examples=["屈臣氏"])


class NamedMerchant(Merchant):
    """A merchant with its id."""

    merchant_id: Identifier


class Merchants(Command):
    """Several merchants at once."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"merchants": [{"merchant_id": "watsons", "name": "屈臣氏"}]}]}
    )

    merchants: list[NamedMerchant] = Field(min_length=1, max_length=1000)

    @field_validator("merchants")
    @classmethod
    def _merchants_comeonce(cls, merchants: list[NamedMerchant]) -> list[NamedMerchant]:
        once([item.merchant_id for item in merchants], "each merchant_id")
        return merchants


class Registration(Command):
    """Whose program it is."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"merchant_id": "watsons"}]})

    merchant_id: Identifier


class Submission(Command):
    """A version for review."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {"version": 1, "manifest": {"title": "公积金提取", "page": "pages/fund/index", "keywords": ["公积金"]}}
            ]
        }
    )

    version: VersionNumber = Field(examples=[1])
    manifest: Manifest


class ReasonBody(Command):
    """Why."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"reason": "security_incident"}]})

    reason: Reason = Field(examples=["security_incident"])


class Onboarding(Command):
    """A program that comes with a reviewed manifest: registered, approved and released in one go."""

    program_id: Identifier
    merchant_id: Identifier
    manifest: Manifest


class Onboardings(Command):
    """Several programs at once."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "programs": [
                        {
                            "program_id": "fund",
                            "merchant_id": "gov",
                            "manifest": {"title": "公积金提取", "page": "pages/fund/index"},
                        }
                    ]
                }
            ]
        }
    )

    programs: list[Onboarding] = Field(min_length=1, max_length=200)

    @field_validator("programs")
    @classmethod
    def _programs_comeonce(cls, programs: list[Onboarding]) -> list[Onboarding]:
        once([item.program_id for item in programs], "each program_id")
        return programs


class VersionView(BaseModel):
    """A version in a program's history."""

    version: int
    state: str
    title: str
    rejected_for: str | None
    offers: list[Offer]


class PublicProgram(BaseModel):
    """What everybody may know of a program that was released: also what it sells, and at which prices."""

    program_id: str
    merchant_id: str
    released_version: int | None
    offers: list[Offer] = Field(description="Those of the released version.")


class ProgramView(PublicProgram):
    """A program as its merchant sees it: with its versions, why any was refused, and how often it was used."""

    suspended_for: str | None
    versions: list[VersionView]
    usage: dict[str, int] = Field(default_factory=dict)


def view_of(program: Program) -> ProgramView:
    """A program as its merchant sees it; how often it was used is added by the one who knows."""
    return ProgramView(
        program_id=program.program_id,
        merchant_id=program.merchant_id,
        suspended_for=program.suspended_for,
        released_version=program.released.number if program.released else None,
        offers=list(program.released.offers) if program.released else [],
        versions=[
            VersionView(
                version=v.number, state=v.state, title=v.title, rejected_for=v.rejected_for, offers=list(v.offers)
            )
            for v in program.versions
        ],
    )
