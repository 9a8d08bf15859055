"""Events of the registry: the life cycle of mini-programs, and the service that a post leads to."""

from typing import Annotated, Literal

from pydantic import Field

from lutong_contracts.audit import AuditedAction
from lutong_contracts.entity import Entity
from lutong_contracts.enumerations import Open
from lutong_contracts.event import Event
from lutong_contracts.topics import DISCOVERIES, MERCHANTS, PROGRAMS, REGISTRY_AUDIT
from lutong_contracts.values import Identifier, Offer, Reason, Title


class MerchantFacts(Entity):
    """A merchant: the name that is shown."""

    merchant_id: Identifier
    title: Title


class MerchantRegistered(MerchantFacts, Event, topic=MERCHANTS, key="merchant_id"):
    """An operator let a merchant in."""


class MerchantChanged(MerchantFacts, Event, topic=MERCHANTS, key="merchant_id"):
    """A merchant has another name."""


class ProgramRegistered(Event, topic=PROGRAMS, key="program_id"):
    """A merchant opened a mini-program. It has no version yet."""

    program_id: Identifier
    merchant_id: Identifier


class VersionSubmitted(Event, topic=PROGRAMS, key="program_id"):
    """A version was handed in for review."""

    program_id: Identifier
    version: int = Field(ge=1)


class VersionApproved(Event, topic=PROGRAMS, key="program_id"):
    """The review found nothing wrong; the merchant may release the version."""

    program_id: Identifier
    version: int = Field(ge=1)


class VersionRejected(Event, topic=PROGRAMS, key="program_id"):
    """The review refused the version."""

    program_id: Identifier
    version: int = Field(ge=1)
    reason: Reason


class VersionReleased(Event, topic=PROGRAMS, key="program_id"):
    """This version is what cards open from now on. Carries what a card needs to show and sell."""

    program_id: Identifier
    merchant_id: Identifier
    version: int = Field(ge=1)
    title: Title
    page: str = Field(max_length=256)
    offers: tuple[Offer, ...] = Field(max_length=500)


class VersionRolledBack(Event, topic=PROGRAMS, key="program_id"):
    """A released version was taken back; `version` is the earlier one now in force again."""

    program_id: Identifier
    merchant_id: Identifier
    withdrawn_version: int = Field(ge=1)
    version: int = Field(ge=1)
    title: Title
    page: str = Field(max_length=256)
    offers: tuple[Offer, ...] = Field(max_length=500)


class ProgramSuspended(Event, topic=PROGRAMS, key="program_id"):
    """The program may not be opened: every card that leads to it is unavailable."""

    program_id: Identifier
    reason: Reason


class ProgramResumed(Event, topic=PROGRAMS, key="program_id"):
    """The suspension was lifted; cards lead to the released version again."""

    program_id: Identifier


class EmbeddingChanged(Event, topic=PROGRAMS, key="program_id"):
    """Others may put cards of the program below their posts from now on: anybody (`public`), the owner's accounts and those
    that are permitted (`permitted`), or the owner's accounts alone (`owner`). Cards that are there stay."""

    program_id: Identifier
    embedded_by: Annotated[str, Open(Literal["public", "permitted", "owner"])]


class EmbeddingPermitted(Event, topic=PROGRAMS, key="program_id"):
    """The owner permits an account to put cards of the program below its posts."""

    program_id: Identifier
    account_id: Identifier


class EmbeddingRevoked(Event, topic=PROGRAMS, key="program_id"):
    """The owner took the permission of an account back. Cards that are there stay."""

    program_id: Identifier
    account_id: Identifier


class ServiceDiscovered(Event, topic=DISCOVERIES, key="post_id"):
    """A post leads to this service, because its author named the program or its words ask for it."""

    post_id: Identifier
    program_id: Identifier
    merchant_id: Identifier
    version: int = Field(ge=1)
    title: Title
    page: str = Field(max_length=256)
    matched_by: Annotated[str, Open(Literal["program", "words"])]


class ServiceNotFound(Event, topic=DISCOVERIES, key="post_id"):
    """A post leads to no service: `unknown_program`, `not_permitted` (its author may not embed the program), `not_released`,
    `suspended`, `no_match`, `sensitive` (its subject forbids a card), `declined` (its author wants none) or `deleted` (the post was)."""

    post_id: Identifier
    reason: Reason


class ActionAudited(AuditedAction, Event, topic=REGISTRY_AUDIT, key="subject"):
    """The registry wrote a row of its audit: for systems outside of the suite."""
