"""posts: what authors wrote. They are sent as events, each of which is answered by itself."""

from collections.abc import Sequence
from typing import Annotated, Any, Final

from pydantic import Field, StringConstraints

from lutong_console.imports.rows import Kind, Refusal, Request, Row
from lutong_contracts.feed import PostPublished
from lutong_contracts.values import Identifier, Text, Visible

_SOURCE: Final = "/lutong-import"


class PostRow(Row):
    """A post under the author's own id for it. Without a program the words find one."""

    post_id: Identifier = Field(examples=["post-1"])
    author_id: Identifier = Field(examples=["watsons-official"])
    text: Annotated[Text, StringConstraints(min_length=1, max_length=2000), Visible] = Field(examples=["面膜补货了"])
    program_id: Identifier | None = Field(None, examples=["demo-watsons"])


def request(rows: Sequence[PostRow]) -> Request:
    """Publish posts; one that is published already is a copy."""
    return Request("POST", "/v1/events", [_event(row) for row in rows])


def _event(row: PostRow) -> dict[str, Any]:
    attributes = {"specversion": "1.0", "id": row.post_id, "source": _SOURCE, "type": PostPublished.type}
    return attributes | {"data": row.model_dump(exclude_none=True)}


def refusals(answer: Any, rows: Sequence[PostRow]) -> list[Refusal | None]:  # noqa: ANN401  # JSON
    """What became of each event."""
    return [
        Refusal((result["pointer"] or "").rpartition("/")[2], result["detail"])
        if result["status"] == "rejected"
        else None
        for result, _ in zip(answer["results"], rows, strict=True)
    ]


POSTS: Final = Kind("posts", PostRow, "feed", ("post_id",), request, rows_max=200, refusals=refusals)
