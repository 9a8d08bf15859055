"""Transfers: drafted, moved, listed; and what a store should be sent."""

from typing import Annotated

from fastapi import Query, Response
from pydantic import BaseModel, ConfigDict, Field

from lutong_chassis import Ask, Command, Problem, TxDependency, Who, allowed, audited
from lutong_contracts.values import IDENTIFIER_PATTERN, Identifier
from lutong_inventory.bodies import router
from lutong_inventory.locations.domain.location import location_id_of
from lutong_inventory.locations.finding import Owner, find_location
from lutong_inventory.transfers import domain, store
from lutong_inventory.transfers.domain import Line, Step, Transfer
from lutong_inventory.transfers.handlers import DraftTransfer, MoveTransfer


class UnitsBody(Command):
    """Units of a SKU."""

    sku: Identifier
    units: int = Field(ge=1, le=10**6)


class TransferBody(Command):
    """What goes from where to where. `reference` is the merchant's own paper."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "from_location_id": "flagship",
                    "to_location_id": "store-1",
                    "lines": [{"sku": "mask", "units": 24}],
                    "reference": "TR-7",
                }
            ]
        }
    )

    from_location_id: Identifier
    to_location_id: Identifier
    lines: list[UnitsBody] = Field(min_length=1, max_length=200)
    reference: Identifier | None = None


class StepBody(Command):
    """The step that was taken. `received` is what arrived now; without any it is all that is on its way."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"step": "received", "received": []}]})

    step: Step
    received: list[UnitsBody] = Field(default_factory=list, max_length=200)


class LineView(BaseModel):
    """Units of a SKU; how many of them arrived, and how many were lost."""

    sku: str
    units: int
    received: int
    lost: int


class TransferView(BaseModel):
    """A transfer, and how far it is."""

    transfer_id: str
    from_location_id: str
    to_location_id: str
    state: str
    reference: str | None
    lines: list[LineView]


class ProposalView(BaseModel):
    """What to send to a store, how many units a day leave it, and what it has and is sent already."""

    sku: str
    units: int
    per_day: float
    free: int
    coming: int


@router.post("/v1/transfers", status_code=201, response_model=TransferView)
@allowed("merchant", "operator")
@audited("transfer.move", own="merchant", shows=("state",))
async def draft_transfer(body: TransferBody, who: Who, ask: Ask, owner: Owner = None) -> Response:  # noqa: ARG001  # the handler asks whose locations they are
    """Draft a transfer between two locations of a merchant; nothing moves yet."""
    lines = tuple(Line(line.sku, line.units) for line in body.lines)
    return await ask(DraftTransfer(body.from_location_id, body.to_location_id, lines, body.reference, owner))


@router.post("/v1/transfers/{transfer_id}/steps", response_model=TransferView)
@allowed("merchant", "operator")
@audited("transfer.move", own="merchant", shows=("state",))
async def move_transfer(transfer_id: Identifier, body: StepBody, who: Who, ask: Ask) -> Response:  # noqa: ARG001  # the handler asks whose it is
    """Take a step: ready (set apart), sent, received (in parts, or all), lost (what has not come never will), cancelled."""
    skus = [line.sku for line in body.received]
    if len(set(skus)) < len(skus) or (skus and body.step != "received"):
        raise Problem(422, "bad_lines", "received names each SKU once, and only when the step is received")
    return await ask(MoveTransfer(transfer_id, body.step, {line.sku: line.units for line in body.received}))


@router.get("/v1/locations/{location_id}/transfers")
@allowed("merchant", "operator")
async def list_transfers(
    location_id: Identifier,
    who: Who,
    tx: TxDependency,
    owner: Owner = None,
    after: Annotated[
        str, Query(pattern=rf"^$|{IDENTIFIER_PATTERN}", description="the last id of the page before")
    ] = "",
) -> list[TransferView]:
    """Transfers from a location and to it, by id, a hundred at a time."""
    location = await find_location(tx, who, location_id, owner)
    return [_view(each) for each in await store.transfers_at(tx, location.key, after, 100)]


@router.get("/v1/locations/{location_id}/replenishment")
@allowed("merchant", "operator")
async def propose_replenishment(
    location_id: Identifier,
    who: Who,
    tx: TxDependency,
    owner: Owner = None,
    days: Annotated[int, Query(ge=1, le=90, description="how many days back it is looked how fast goods leave")] = 14,
    cover_days: Annotated[int, Query(ge=1, le=90, description="for how many days a store should have enough")] = 7,
) -> list[ProposalView]:
    """What the flagship should send to a store, by how fast goods leave it; the most urgent first."""
    location = await find_location(tx, who, location_id, owner)
    found = domain.proposals(await store.paces(tx, location.key, days), cover_days)
    return [ProposalView(**each._asdict()) for each in found]


def _view(transfer: Transfer) -> TransferView:
    return TransferView(
        transfer_id=transfer.transfer_id,
        state=transfer.state,
        reference=transfer.reference,
        lines=[LineView(**line._asdict()) for line in transfer.lines],
        from_location_id=location_id_of(transfer.from_key),
        to_location_id=location_id_of(transfer.to_key),
    )
