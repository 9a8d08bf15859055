"""What everybody asks of rankings, members of their own programs, merchants and staff of who comes back."""

from datetime import date
from typing import Annotated, Final

from fastapi import Query
from pydantic import BaseModel, Field

from lutong_chassis import Problem, TxDependency, Who, allowed, not_found
from lutong_contracts.values import Day, Identifier
from lutong_registry.bodies import router
from lutong_registry.programs import store as program_store
from lutong_registry.rankings import domain, store
from lutong_registry.rankings.domain import By, Cohort, Counted, Own

Limit = Annotated[int, Query(ge=1, le=100)]
Days = Annotated[int, Query(ge=1, le=90)]
Category = Annotated[str, Query(max_length=30)]
_OWN_DAYS: Final = 90
_ACTIVE: Final = "opened a program at least once; each person counts once"
_D7: Final = "of those new on a day, the share who were active on the seventh day after it"


class RankedView(BaseModel):
    """A program or a category in a ranking; `growth` is users by users of as many days before, null where those were few."""

    rank: int
    name: str
    title: str
    category: str | None
    users: int
    opened: int
    users_before: int
    growth: float | None


class RankingView(BaseModel):
    """A ranking, of which days."""

    by: str
    since: date
    until: date = Field(description="The first day that is not counted.")
    zone: str
    ranked: list[RankedView]


class OwnView(BaseModel):
    """A program that a member used, or that others use who use the same."""

    program_id: str
    title: str
    category: str | None
    times: int
    reason: str


class ActiveView(BaseModel):
    """How many were active, in the calendar month of a day and in the thirty days of which it is the last."""

    program_id: str | None
    day: date
    zone: str
    definition: str
    calendar_month: int
    month_since: date
    trailing_30d: int
    trailing_since: date


class CohortView(BaseModel):
    """Those new on a day. `d7` of them were active on the seventh day after it, `returned` from then on."""

    day: date
    users: int
    d7: int
    returned: int
    d7_share: float | None


class RetentionView(BaseModel):
    """Cohorts by day, and all of them together."""

    program_id: str | None
    zone: str
    definition: str
    cohorts: list[CohortView]
    total: CohortView | None


class DayView(BaseModel):
    """A program's day. `version` grows when it is restated; `adjusted` came when it was closed, and is not in the counts."""

    day: date
    opened: int
    solved: int
    fulfilled: int
    users: int
    adjusted: int
    version: int


@router.get("/v1/rankings")
@allowed("anybody")
async def get_ranking(
    tx: TxDependency, by: By = "hottest", category: Category | None = None, days: Days = 7, limit: Limit = 20
) -> RankingView:
    """The programs that most people opened in the last days, or those that grew most; of one category, or of all."""
    span = domain.trailing(domain.day_of(tx.now), days)
    found = domain.ranked(await store.ranked(tx, span, domain.before(span), category), by)
    return _ranking(by, span, found[:limit])


@router.get("/v1/rankings/categories")
@allowed("anybody")
async def get_category_growth(tx: TxDependency, days: Days = 28) -> RankingView:
    """How many people used each category in the last days, and by how much that grew."""
    span = domain.trailing(domain.day_of(tx.now), days)
    found = domain.ranked(await store.categories(tx, span, domain.before(span)), "hottest")
    return _ranking("category", span, found)


@router.get("/v1/members/{member_id}/programs")
@allowed("member", "viewer")
async def list_own_programs(
    member_id: Identifier, who: Who, tx: TxDependency, by: Own = "recent", limit: Limit = 20
) -> list[OwnView]:
    """What a member used last or most often; or `for_you`, what those use who use the same, and then what is hottest."""
    who.require(member=member_id, hide=("account", member_id))
    span = domain.trailing(domain.day_of(tx.now), _OWN_DAYS)
    if by != "for_you":
        rows = await store.used_by(tx, member_id, span, by, limit)
        return [OwnView(**_of(row), reason="you_used_it") for row in rows]
    own = {row.program_id for row in await store.used_by(tx, member_id, span, "frequent", 100)}
    liked = [
        OwnView(**_of(row), reason="used_with_yours") for row in await store.liked_by_others(tx, member_id, span, limit)
    ]
    known = own | {each.program_id for each in liked}
    week = domain.trailing(span.until, 7)
    hottest = domain.ranked(await store.ranked(tx, week, domain.before(week), None), "hottest")
    rest = [
        OwnView(program_id=each.name, title=each.title, category=each.category, times=each.users, reason="hottest")
        for each in hottest
        if each.name not in known
    ]
    return [*liked, *rest][:limit]


@router.get("/v1/metrics/active")
@allowed("merchant", "viewer")
async def get_active(
    who: Who, tx: TxDependency, program_id: Identifier | None = None, day: Day | None = None
) -> ActiveView:
    """Monthly active users of a program or, for staff, of all: of a calendar month and of thirty days, exactly."""
    await _may_know(tx, who, program_id)
    at = day or domain.day_of(tx.now)
    month, trailing = domain.month_of(at), domain.trailing(at, 30)
    return ActiveView(
        program_id=program_id, day=at, zone=domain.ZONE_NAME, definition=_ACTIVE,
        calendar_month=await store.active(tx, month, program_id), month_since=month.since,
        trailing_30d=await store.active(tx, trailing, program_id), trailing_since=trailing.since,
    )  # fmt: skip


@router.get("/v1/metrics/retention")
@allowed("merchant", "viewer")
async def get_retention(
    who: Who, tx: TxDependency, program_id: Identifier | None = None, days: Days = 28
) -> RetentionView:
    """D7 retention by cohort, of a program or, for staff, of all; of days whose seventh day after is over."""
    await _may_know(tx, who, program_id)
    today = domain.day_of(tx.now)
    span = domain.complete(domain.trailing(today, days), today)
    found = await store.cohorts(tx, span, program_id, domain.RETAINED_DAYS)
    total = domain.together(found, span.since)
    views = [_cohort(each) for each in found]
    return RetentionView(
        program_id=program_id,
        zone=domain.ZONE_NAME,
        definition=_D7,
        cohorts=views,
        total=_cohort(total) if found else None,
    )


@router.get("/v1/programs/{program_id}/days")
@allowed("merchant", "viewer")
async def list_program_days(program_id: Identifier, who: Who, tx: TxDependency, days: Days = 28) -> list[DayView]:
    """How a program was used day by day, the newest first, each with its version."""
    await _may_know(tx, who, program_id)
    span = domain.trailing(domain.day_of(tx.now), days)
    return [DayView(**row._asdict()) for row in await store.days_of(tx, program_id, span)]


async def _may_know(tx: TxDependency, who: Who, program_id: str | None) -> None:
    """Of all programs staff may know, of one also its merchant."""
    if program_id is None:
        if not who.is_staff:
            raise Problem(
                403, "forbidden", "figures of all programs are for staff: name a program of yours (program_id)"
            )
        return
    program = (await program_store.read_programs(tx, None, [program_id])).get(program_id) or not_found(
        "program", program_id
    )
    who.require(merchant=program.merchant_id, hide=("program", program_id))


def _ranking(by: str, span: domain.Span, found: list[Counted]) -> RankingView:
    ranked = [
        RankedView(rank=rank, growth=domain.growth(each), **each._asdict()) for rank, each in enumerate(found, start=1)
    ]
    return RankingView(by=by, since=span.since, until=span.until, zone=domain.ZONE_NAME, ranked=ranked)


def _of(row: store.OwnRow) -> dict[str, object]:
    return {name: value for name, value in row._asdict().items() if name != "last_at"}


def _cohort(cohort: Cohort) -> CohortView:
    return CohortView(**cohort._asdict(), d7_share=domain.share(cohort))
