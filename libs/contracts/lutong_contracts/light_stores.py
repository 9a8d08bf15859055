"""Events of brand light stores: templates, rollouts, and stores that go their own way."""

from typing import Annotated, Literal

from pydantic import Field

from lutong_contracts.enumerations import Open
from lutong_contracts.event import Event
from lutong_contracts.topics import LIGHT_STORES
from lutong_contracts.values import Identifier, Reason, Text, Value


class TemplateSubmitted(Event, topic=LIGHT_STORES, key="template_id"):
    """A brand handed in a version of the template of its light stores, for one review of all of them."""

    template_id: Identifier
    merchant_id: Identifier
    version: int = Field(ge=1)


class TemplateApproved(Event, topic=LIGHT_STORES, key="template_id"):
    """The review found nothing wrong with the version, nor with what is made of it: stores may have it."""

    template_id: Identifier
    version: int = Field(ge=1)


class TemplateRejected(Event, topic=LIGHT_STORES, key="template_id"):
    """The review refused the version: no store gets it."""

    template_id: Identifier
    version: int = Field(ge=1)
    reason: Reason


class LightStoreDetached(Event, topic=LIGHT_STORES, key="template_id"):
    """A store left its template: its program stays as it is, and is an ordinary one from now on."""

    template_id: Identifier
    store_id: Identifier
    program_id: Identifier


class LightRolloutFacts(Value):
    """A version of a template on its way to the stores."""

    template_id: Identifier
    rollout_id: Identifier
    version: int = Field(ge=1)


class LightRolloutStarted(LightRolloutFacts, Event, topic=LIGHT_STORES, key="template_id"):
    """The version begins to reach stores: the first one per cent of them."""


class LightRolloutAdvanced(LightRolloutFacts, Event, topic=LIGHT_STORES, key="template_id"):
    """A stage went well; the next one is for `percent` of the stores."""

    percent: int = Field(ge=1, le=100)
    upgraded: int = Field(ge=0)


class LightRolloutStopped(LightRolloutFacts, Event, topic=LIGHT_STORES, key="template_id"):
    """It goes no further than the stage of `percent`; stores that have the version get back what they had."""

    percent: int = Field(ge=1, le=100)
    reason: Reason
    detail: Annotated[Text, Field(max_length=200)]


class LightRolloutEnded(LightRolloutFacts, Event, topic=LIGHT_STORES, key="template_id"):
    """It is over. `upgraded` stores got the version, `reverted` of them gave it back, `skipped` could not have it; in `conflicts`
    of them an edit of the merchant was kept where the version changed the same field."""

    outcome: Annotated[str, Open(Literal["completed", "rolled_back"])]
    upgraded: int = Field(ge=0)
    reverted: int = Field(ge=0)
    conflicts: int = Field(ge=0)
    skipped: int = Field(ge=0)
