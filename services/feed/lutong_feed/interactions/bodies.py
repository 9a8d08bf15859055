"""What clients report of their viewers, and what they are answered."""

from pydantic import BaseModel, ConfigDict, Field

from lutong_chassis import Command
from lutong_contracts.feed import ReportedKind
from lutong_contracts.touches import Echo
from lutong_contracts.values import Identifier

_TOUCH_EXAMPLE = (
    "1~1~01890a5d-ac96-774b-bcce-b302099a8057~timeline~0~p-1~p-1~shop~reader-1~1767312000000~c2lnbmVkLWJ5LXRoZS1mZW"
)


class Reported(Command):
    """One thing that a viewer did with an item that was served."""

    touch: Echo = Field(description="the item's `touch`, as it was served")
    kind: ReportedKind


class Reports(Command):
    """What a viewer saw and did, in a batch. What is reported twice counts once."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {"viewer_id": "reader-1", "interactions": [{"touch": _TOUCH_EXAMPLE, "kind": "impression"}]},
            ]
        }
    )

    viewer_id: Identifier
    interactions: list[Reported] = Field(min_length=1, max_length=500)


class RefusedView(BaseModel):
    """An interaction that does not count, by its place in the batch, from 0: `never_served`, `too_late` or `deleted`."""

    place: int
    code: str
    detail: str


class ReportView(BaseModel):
    """How many interactions were taken in, each once, and which were refused."""

    accepted: int
    refused: list[RefusedView]


class CountView(BaseModel):
    """How often viewers did something with a post in a placement."""

    placement: str
    kind: str
    times: int
