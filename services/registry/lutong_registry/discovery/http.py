"""Where posts led, and where a text would lead."""

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from lutong_chassis import Command, Read, allowed, not_audited, not_found
from lutong_contracts.values import Identifier, Text
from lutong_registry.bodies import router
from lutong_registry.discovery import store
from lutong_registry.discovery.domain.decisions import asking_in, found_by_words
from lutong_registry.discovery.domain.evidence import Listing

PostText = Annotated[Text, StringConstraints(min_length=1, max_length=2000)]


class Texts(Command):
    """Texts that may become posts."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"texts": ["公积金新政策今天起施行"]}]})

    texts: list[PostText] = Field(min_length=1, max_length=50)


class Preview(BaseModel):
    """Where a text would lead: a program, or `reason`, why nowhere (`sensitive`, `no_match`)."""

    program_id: str | None = None
    title: str | None = None
    reason: str | None = None


@router.get("/v1/discoveries/{post_id}")
@allowed("anybody")
async def get_discovery(post_id: Identifier, read: Read) -> dict[str, Any]:
    """Where a post led, or why nowhere."""
    return dict(await store.discovery(read, post_id) or not_found("discovery for post", post_id))


@router.post("/v1/discoveries/previews")
@allowed("anybody")
@not_audited("changes nothing")
async def preview_discoveries(wanted: Texts, read: Read) -> list[Preview]:
    """Where texts would lead if they were published now, in their order: authors look before they publish."""
    by_words = await store.matches(read, {text: asking_in(text) for text in wanted.texts})
    return [_preview(found_by_words(text, by_words.get(text, ()))) for text in wanted.texts]


def _preview(found: Listing | str) -> Preview:
    if isinstance(found, str):
        return Preview(reason=found)
    return Preview(program_id=found.program_id, title=found.title)


@router.get("/v1/summary")
@allowed("viewer")
async def get_summary(read: Read) -> dict[str, Any]:
    """Counts of programs and discoveries."""
    return await store.summary(read)
