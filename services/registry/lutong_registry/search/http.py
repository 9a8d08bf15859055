"""Questions of people: which services answer them."""

from typing import Annotated

from fastapi import Query
from pydantic import BaseModel, Field

from lutong_chassis import Read, Reads, allowed
from lutong_contracts.values import Text
from lutong_registry.bodies import router
from lutong_registry.search.domain.questions import understand
from lutong_registry.search.domain.ranking import Answer, Matched, answers, best, plan
from lutong_registry.search.domain.text import key_of, plain
from lutong_registry.search.store import questions as question_store

Asked = Annotated[Text, Query(min_length=1, max_length=200, examples=["公积金"])]


class Hit(BaseModel):
    """A service that answers a question. `why` has the pieces of the question that it was found by."""

    program_id: str
    merchant_id: str
    version: int
    title: str
    page: str
    matched: Matched
    rank: float
    why: list[str] = Field(examples=[["公积金", "提取"]])


@router.get("/v1/search")
@allowed("anybody")
async def search_services(q: Asked, read: Read, limit: Annotated[int, Query(ge=1, le=50)] = 10) -> list[Hit]:
    """Services for a question in Chinese, pinyin or English, best first; `matched` is how, `why` by what."""
    return [_hit(answer) for answer in await search(read, q, limit)]


@router.get("/v1/suggestions")
@allowed("anybody")
async def suggest_titles(q: Asked, read: Read, limit: Annotated[int, Query(ge=1, le=20)] = 8) -> list[str]:
    """Names of services that begin with what a person has typed so far."""
    beginning = key_of(plain(q))
    return await question_store.titles(read, beginning, limit) if beginning else []


async def search(tx: Reads, asked: str, limit: int) -> list[Answer]:
    """Answers to a question: three statements, whatever it is."""
    question = understand(asked)
    planned = plan(question, await question_store.counts(tx, question.bases))
    scored = best(planned, await question_store.candidates(tx, planned))
    return answers(planned, scored, await question_store.shown(tx, (each.program_id for each in scored)), limit)


def _hit(answer: Answer) -> Hit:
    listing = answer.listing
    return Hit(
        program_id=listing.program_id,
        merchant_id=listing.merchant_id,
        version=listing.version,
        title=listing.title,
        page=listing.page,
        matched=answer.matched,
        rank=round(answer.rank, 4),
        why=list(answer.why),
    )
