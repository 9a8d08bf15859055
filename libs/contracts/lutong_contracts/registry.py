"""Events of the registry: the life cycle of mini-programs, and the service that a post leads to."""

from typing import Annotated, Final, Literal

from pydantic import Field

from lutong_contracts.audit import AuditedAction
from lutong_contracts.entity import Entity
from lutong_contracts.enumerations import Open
from lutong_contracts.event import Event
from lutong_contracts.gray import Audience
from lutong_contracts.hosts import Needs
from lutong_contracts.topics import DISCOVERIES, MERCHANTS, PROGRAMS, REGISTRY_AUDIT
from lutong_contracts.values import Identifier, Offer, Reason, Title, Value

_OFFERS_OF: Final = (
    "The program whose offers it sells, of the same merchant and in its version in force; then `offers` is empty."
)
_PROMOTABLE: Final = "Whether it may be promoted: both audits passed it. False when the first one alone did; VersionApproved follows if the second does, too."
_NEEDS: Final = "What it needs of the app that it runs in; absent: nothing, as before hosts were known."


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
    offers_of: Identifier | None = Field(default=None, description=_OFFERS_OF)
    needs: Needs | None = Field(default=None, description=_NEEDS)
    promotable: bool = Field(default=True, description=_PROMOTABLE)


class VersionRolledBack(Event, topic=PROGRAMS, key="program_id"):
    """A released version was taken back; `version` is the earlier one now in force again."""

    program_id: Identifier
    merchant_id: Identifier
    withdrawn_version: int = Field(ge=1)
    version: int = Field(ge=1)
    title: Title
    page: str = Field(max_length=256)
    offers: tuple[Offer, ...] = Field(max_length=500)
    offers_of: Identifier | None = Field(default=None, description=_OFFERS_OF)
    needs: Needs | None = Field(default=None, description=_NEEDS)
    promotable: bool = Field(default=True, description=_PROMOTABLE)


class VersionAdmitted(Event, topic=PROGRAMS, key="program_id"):
    """The first of two audits found nothing wrong: the version may be released, and is not found by words before it is approved."""

    program_id: Identifier
    version: int = Field(ge=1)


class VersionWithdrawn(Event, topic=PROGRAMS, key="program_id"):
    """Its merchant took a version back from review. It may be handed in again as it is: VersionSubmitted is published once more."""

    program_id: Identifier
    version: int = Field(ge=1)


class VersionGrayed(Event, topic=PROGRAMS, key="program_id"):
    """This version is what cards open for its audience (`lutong_contracts.gray`); all others open `control_version`.

    Published again, with a wider audience, at each step. Ends with VersionReleased, VersionGrayStopped or VersionForcedOffline.
    """

    program_id: Identifier
    merchant_id: Identifier
    version: int = Field(ge=1)
    control_version: int = Field(ge=1)
    title: Title
    page: str = Field(max_length=256)
    offers: tuple[Offer, ...] = Field(max_length=500)
    audience: Audience
    needs: Needs | None = Field(default=None, description=_NEEDS)


class Evidence(Value):
    """What a guardrail saw: of so many `trials` of each version so many `hits`; and a sentence on it, in two languages.

    `odds` is how much likelier this is when the version is worse than when it is not; it had to reach `odds_needed`.
    """

    metric: Reason
    gray_trials: int = Field(ge=0)
    gray_hits: int = Field(ge=0)
    control_trials: int = Field(ge=0)
    control_hits: int = Field(ge=0)
    odds: int = Field(ge=0)
    odds_needed: int = Field(ge=1)
    text_zh: str = Field(max_length=300)
    text_en: str = Field(max_length=300)


class VersionGrayStopped(Event, topic=PROGRAMS, key="program_id"):
    """A version in gray was taken back; everybody opens `control_version` again.

    By whom: its merchant, an operator, a guardrail (with `evidence`), or because its control was taken back (`control`).
    """

    program_id: Identifier
    version: int = Field(ge=1)
    control_version: int = Field(ge=1)
    by: Annotated[str, Open(Literal["merchant", "operator", "guardrail", "control"])]
    reason: Reason
    evidence: Evidence | None = None


class VersionForcedOffline(Event, topic=PROGRAMS, key="program_id"):
    """An operator forbade a version, for good. If it was released, no version is: cards of the program show the reason."""

    program_id: Identifier
    version: int = Field(ge=1)
    reason: Reason


class VersionHosted(Event, topic=PROGRAMS, key="program_id"):
    """This version is what cards open in the apps that `needs` names; all others open what they opened before.

    Ends with VersionUnhosted, with VersionForcedOffline, or when a later version covers the hosts (`lutong_contracts.hosts.covers`).
    """

    program_id: Identifier
    merchant_id: Identifier
    version: int = Field(ge=1)
    title: Title
    page: str = Field(max_length=256)
    offers: tuple[Offer, ...] = Field(max_length=500)
    needs: Needs


class VersionUnhosted(Event, topic=PROGRAMS, key="program_id"):
    """A version that some hosts had of their own was taken back: they open what all others do."""

    program_id: Identifier
    version: int = Field(ge=1)
    reason: Reason


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
