"""What a row of a file is, and what becomes of it: the base of all kinds of rows.

A kind of row is a pydantic model whose fields are the columns, and a `Kind`, which turns rows into requests. A cell of a
CSV file is text: an empty one is absent, a list is written `a;b` or as JSON, an object as JSON.
"""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Generic, NamedTuple, TypeVar

import orjson
from pydantic import BaseModel, BeforeValidator, ConfigDict, ValidationError

from lutong_contracts.sentences import wrongs


class Row(BaseModel):
    """Base of rows: what is not a column is refused, lest a typo be ignored."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)


R = TypeVar("R", bound=Row)


class Request(NamedTuple):
    """What a service is asked for some rows. Its body is JSON. `named` distinguishes two requests with the same body."""

    method: str
    path: str
    body: Any
    named: str = ""

    @property
    def content(self) -> bytes:
        """The body as it is sent: the same rows give the same bytes."""
        return orjson.dumps(self.body, option=orjson.OPT_SORT_KEYS)

    @property
    def digest(self) -> str:
        """What the request is known by: the same rows again are the same request."""
        identity = b"\n".join([self.method.encode(), self.path.encode(), self.named.encode(), self.content])
        return hashlib.blake2b(identity, digest_size=20).hexdigest()


class Refusal(NamedTuple):
    """Why a row is not taken: which column, if one is to blame, and a sentence; `later`: what it needs may be on its way."""

    column: str
    reason: str
    later: bool = False


@dataclass(frozen=True, slots=True)
class Kind(Generic[R]):
    """A kind of file: its rows, the service that takes them, and how they are asked for."""

    name: str
    row: type[R]
    service: str
    key: tuple[str, ...]
    """The columns that identify the thing a row is about: rows of one thing are sent one after the other."""
    request: Callable[[Sequence[R]], Request]
    rows_max: int = 1000
    """How many rows one request takes."""
    refusals: Callable[[Any, Sequence[R]], list[Refusal | None]] | None = None
    """For services that answer row by row: what became of each, from the body of the answer."""

    def key_of(self, row: R) -> str:
        """Which thing a row is about."""
        return "\x1f".join([str(getattr(row, column)) for column in self.key])


def checked(kind: Kind[R], cells: Mapping[str, Any]) -> R | Refusal:
    """A row from its cells, or why it is none. The first column that is wrong is named, all are reported."""
    try:
        return kind.row.model_validate(cells)
    except ValidationError as error:
        found = wrongs(error.errors(include_url=False), kind.row)
        column = found[0].pointer.split("/")[1] if found[0].pointer else ""
        return Refusal(column, "; ".join(each.detail for each in found))


def _listed(cell: object) -> object:
    """A list out of a cell: JSON where it begins like it, or else its parts between semicolons."""
    if not isinstance(cell, str):
        return cell
    return _json(cell) if cell.lstrip().startswith("[") else [part.strip() for part in cell.split(";") if part.strip()]


def _json(cell: object) -> object:
    if not isinstance(cell, str):
        return cell
    try:
        return orjson.loads(cell)
    except orjson.JSONDecodeError:
        raise ValueError("must be JSON") from None


Listed = BeforeValidator(_listed)
"""Marks a list of texts: `a;b`, or JSON."""

AsJson = BeforeValidator(_json)
"""Marks what is JSON in a cell."""

Listing = Annotated[list[str], Listed]
