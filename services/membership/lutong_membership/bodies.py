"""What the bodies of all subjects share, and the router that their commands and queries are added to."""

from typing import Annotated, Any, Final, TypeVar

from pydantic import BaseModel, Field, StringConstraints

from lutong_chassis import Command, Problem, routes
from lutong_contracts.values import IDENTIFIER_PATTERN, Text
from lutong_membership.values import Refusal

T = TypeVar("T")

_STATUS: Final = {"not_found": 404, "evidence_missing": 422, "evidence_not_yours": 403}

router = routes("membership")
"""The one router; each subject adds its commands and queries to it."""

Currency = Annotated[str, StringConstraints(pattern=r"^[A-Z]{3}$")]
Minor = Annotated[int, Field(ge=1, le=10**12, description="in minor units")]
Why = Annotated[Text, StringConstraints(min_length=3, max_length=500)]


class ReasonBody(Command):
    """Why it is done: written to the audit, under the subject of the token."""

    reason: Why


class Paging(BaseModel):
    """A page of what is listed by id: what comes after the last id of the page before."""

    after: Annotated[str, StringConstraints(pattern=rf"^$|{IDENTIFIER_PATTERN}")] = Field(
        default="", description="the last id of the page before"
    )
    limit: int = Field(default=100, ge=1, le=500)


def or_refused(outcome: T | Refusal, status: int = 409) -> T:
    """What a rule decided. Raises Problem with kind, detail and facts when it is a refusal."""
    if isinstance(outcome, Refusal):
        raise refused(outcome, status)
    return outcome


def refused(refusal: Refusal, status: int | None = None) -> Problem:
    """A refusal as it is answered: 404 for what is not there, else 409 unless another status is given."""
    status = status or _STATUS.get(refusal.kind, 409)
    return Problem(status, refusal.kind, refusal.detail, None, **refusal.facts)


def absent(what: str, identifier: str) -> Refusal:
    """The refusal for what does not exist, or may not be seen."""
    return Refusal("not_found", f"there is no {what} {identifier!r}")


def example(**fields: Any) -> dict[str, Any]:
    """The configuration of a body that shows an example."""
    return {"examples": [fields]}
