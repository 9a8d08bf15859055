"""What accounts write about, and how often it was read in a month."""

from datetime import UTC, date, datetime
from typing import Annotated, Final

from fastapi import Query
from pydantic import BaseModel, ConfigDict, Field

from lutong_chassis import Command, Problem, Read, TxDependency, Who, allowed, audit, audited, not_found, routes
from lutong_chassis.settings import settings_of
from lutong_contracts.values import Identifier
from lutong_feed import accounts
from lutong_feed.settings import FeedSettings
from lutong_feed.verticals import store
from lutong_feed.verticals.domain import NAMES, VERTICALS, is_final, month_of
from lutong_feed.verticals.store import VerticalReads

router = routes("feed")

_MONTHS: Final = 24
_NONE: Final = VerticalReads(0, 0)
Month = Annotated[
    str | None, Query(pattern=r"^20[0-9]{2}-(0[1-9]|1[0-2])$", description="a month of Asia/Shanghai; absent: this one")
]


class NewVertical(Command):
    """What an account writes about."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"vertical": "food"}]})

    vertical: Identifier | None = Field(description="one of GET /v1/verticals; null: nothing in particular")


class VerticalView(BaseModel):
    """A vertical in both languages: how many accounts it has, and how often these were read in the month."""

    vertical: str
    en: str
    zh: str
    accounts: int
    reads: int


class VerticalsView(BaseModel):
    """All verticals in a month. `final`: nothing of it can be reported any more."""

    month: str
    final: bool
    verticals: list[VerticalView]


class MonthView(BaseModel):
    """How often an account was read in a month."""

    month: str
    reads: int
    final: bool


class ReadsView(BaseModel):
    """What an account writes about, and how often it was read in the last two years, the latest month first."""

    account_id: str
    vertical: str | None
    months: list[MonthView]


@router.get("/v1/verticals")
@allowed("anybody")
async def get_verticals(read: Read, month: Month = None) -> VerticalsView:
    """What accounts write about: sixty-six verticals, each with how often it was read in a month of Asia/Shanghai."""
    now = datetime.now(UTC)
    wanted = date.fromisoformat(f"{month}-01") if month else month_of(now)
    found = await store.reads_by_vertical(read, wanted)
    shown = [VerticalView(**each._asdict(), **found.get(each.vertical, _NONE)._asdict()) for each in VERTICALS]
    return VerticalsView(month=_written(wanted), final=_is_final(wanted, now), verticals=shown)


@router.put("/v1/accounts/{account_id}/vertical")
@allowed("member", "operator")
@audited("account.classify", own="member", shows=("vertical",))
async def put_vertical(account_id: Identifier, body: NewVertical, who: Who, tx: TxDependency) -> NewVertical:
    """State what an account writes about. Its reads of all months count there."""
    who.require(member=account_id, hide=("account", account_id))
    if body.vertical is not None and body.vertical not in NAMES:
        detail = f"{body.vertical!r} is no vertical: name one of GET /v1/verticals, or null"
        raise Problem(422, "no_vertical", detail, errors=[{"pointer": "/body/vertical", "detail": detail}])
    if account_id not in await accounts.known(tx, [account_id]):
        not_found("account", account_id)
    await store.save(tx, account_id, body.vertical)
    if who.is_staff:
        shown = {"vertical": body.vertical}
        await audit.record(tx, who, audit.Change("account.classify", f"account:{account_id}", after=shown))
    return body


@router.get("/v1/accounts/{account_id}/reads")
@allowed("anybody")
async def get_reads(account_id: Identifier, read: Read) -> ReadsView:
    """How often the posts of an account were seen, month by month."""
    if account_id not in await accounts.known(read, [account_id]):
        not_found("account", account_id)
    now = datetime.now(UTC)
    months = [
        MonthView(month=_written(each.month), reads=each.reads, final=_is_final(each.month, now))
        for each in await store.months_of(read, account_id, _MONTHS)
    ]
    return ReadsView(account_id=account_id, vertical=await store.vertical_of(read, account_id), months=months)


def _is_final(month: date, now: datetime) -> bool:
    return is_final(month, now, settings_of(FeedSettings).interactions_late)


def _written(month: date) -> str:
    return f"{month:%Y-%m}"
