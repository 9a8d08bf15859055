"""importing.md: the columns of each kind of file, from the models that check its rows.

The page keeps a place for them: `make generate` fills what is between its marks.
"""

import re
from collections.abc import Iterator
from types import UnionType
from typing import Annotated, Any, Final, Literal, Union, get_args, get_origin

from annotated_types import Ge, Le, MaxLen
from pydantic.fields import FieldInfo

from lutong_console.imports.catalogue import KINDS
from lutong_console.imports.rows import AsJson, Kind

_PLACE: Final = re.compile(r"(<!-- kinds -->\n).*?(<!-- end of kinds -->)", re.DOTALL)


def described(page: str) -> str:
    """A page with its columns written anew."""
    tables = "\n".join("\n".join(_table(kind)) for kind in KINDS.values())
    return _PLACE.sub(lambda found: f"{found[1]}\n{tables}\n{found[2]}", page)


def _table(kind: Kind[Any]) -> Iterator[str]:
    fields = kind.row.model_fields
    yield from (f"### {kind.name}", "", f"{(kind.row.__doc__ or '').strip()} Taken by {kind.service}.", "")
    yield from ("| column | must be there | what | such as |", "|---|---|---|---|")
    for name, field in fields.items():
        examples = ", ".join(f"`{example}`" for example in field.examples or ())
        yield f"| `{name}` | {'yes' if field.is_required() else ''} | {_what(field)} | {examples} |"
    yield ""


def _what(field: FieldInfo) -> str:
    """A column in words: of what type, within which bounds, and the description of its model."""
    return "; ".join([_type(field), *_bounds(field), *([field.description] if field.description else [])])


def _type(field: FieldInfo) -> str:
    kind = _present(field.annotation)
    if get_origin(kind) is Literal:
        return " or ".join(f"`{choice}`" for choice in get_args(kind))
    if get_origin(kind) is dict:
        return "an object as JSON"
    if get_origin(kind) is list:
        return "a list as JSON" if AsJson in field.metadata else "a list: `a;b`, or JSON"
    return {int: "whole number", float: "number", bool: "true or false"}.get(kind, "text")


def _present(annotation: Any) -> Any:  # noqa: ANN401  # annotations are of any type
    """An annotation without None, and without what only checks."""
    if get_origin(annotation) is Annotated:
        return _present(get_args(annotation)[0])
    if get_origin(annotation) in {Union, UnionType}:
        return _present(next(kind for kind in get_args(annotation) if kind is not type(None)))
    return annotation


def _bounds(field: FieldInfo) -> Iterator[str]:
    least = next((item.ge for item in field.metadata if isinstance(item, Ge)), None)
    most = next((item.le for item in field.metadata if isinstance(item, Le)), None)
    if least is not None and most is not None:
        yield f"{least} to {most}"
    if longest := next((item.max_length for item in field.metadata if isinstance(item, MaxLen)), None):
        yield (
            f"at most {longest}" if get_origin(_present(field.annotation)) is list else f"at most {longest} characters"
        )
