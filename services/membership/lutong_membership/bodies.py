"""What the bodies of all subjects share, and the router that their commands and queries are added to."""

from typing import Annotated, Any, TypeVar

from pydantic import Field, StringConstraints

from lutong_chassis import Command, Problem, routes
from lutong_contracts.values import Text
from lutong_membership.values import Refusal

T = TypeVar("T")

router = routes("membership")
"""The one router; each subject adds its commands and queries to it."""

Currency = Annotated[str, StringConstraints(pattern=r"^[A-Z]{3}$")]
Minor = Annotated[int, Field(ge=1, le=10**12, description="in minor units")]
Why = Annotated[Text, StringConstraints(min_length=3, max_length=500)]


class ReasonBody(Command):
    """Why it is done: written to the audit, under the subject of the token."""

    reason: Why


def or_refused(outcome: T | Refusal, status: int = 409) -> T:
    """What a rule decided. Raises Problem with kind, detail and facts when it is a refusal."""
    if isinstance(outcome, Refusal):
        raise Problem(status, outcome.kind, outcome.detail, None, **outcome.facts)
    return outcome


def example(**fields: Any) -> dict[str, Any]:
    """The configuration of a body that shows an example."""
    return {"examples": [fields]}
