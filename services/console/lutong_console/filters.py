"""A small language for choosing records: `type:order-sourced merchant:watsons -key:o-1 event.units>=3 text`. Pure.

Words are joined by spaces, and all must fit; a minus turns one round. Nothing is evaluated: a filter is parsed into
comparisons, and what does not parse is refused with its place.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

FIELDS: Final = ("topic", "type", "key", "id", "journey")
"""What every record has. Everything else is looked up in the event: `merchant:x` is `event.merchant_id:x`."""

OF_EVENTS: Final = ("merchant", "member", "post", "program", "order", "viewer", "location", "agreement")

_WORD: Final = re.compile(
    r'\s*(-?)([a-z_][a-z0-9_.]*)(:|>=|<=|=|>|<)("[^"]*"|\S+)|\s*(-?)("[^"]*"|[^\s"]+)', re.IGNORECASE
)
_COMPARISONS: Final[Mapping[str, Callable[[float, float], bool]]] = {
    ">": lambda one, other: one > other,
    "<": lambda one, other: one < other,
    ">=": lambda one, other: one >= other,
    "<=": lambda one, other: one <= other,
}

Record = Mapping[str, Any]
"""A record as `tail.describe` gives it."""


class FilterError(ValueError):
    """A filter that cannot be understood: where, and what may stand there."""


@dataclass(frozen=True, slots=True)
class Condition:
    """One word of a filter. Without a field it looks for its text anywhere."""

    field: str
    comparison: str
    value: str
    is_negated: bool = False

    def fits(self, record: Record) -> bool:
        """Whether a record is one of those that are looked for."""
        return self._fits(record) is not self.is_negated

    def _fits(self, record: Record) -> bool:
        if not self.field:
            return self.value.lower() in str(dict(record)).lower()
        found = _at(record, self.field)
        if found is None:
            return False
        if self.comparison in _COMPARISONS:
            return isinstance(found, int | float) and _COMPARISONS[self.comparison](found, float(self.value))
        if self.comparison == "=" or self.field not in {"topic", "type"}:
            return str(found).lower() == self.value.lower()
        return self.value.lower() in str(found).lower()


def parse(text: str) -> tuple[Condition, ...]:
    """The conditions of a filter; raises FilterError with the place and what may stand there.

    >>> parse("type:order-sourced -key:o-1")[1]
    Condition(field='key', comparison=':', value='o-1', is_negated=True)
    """
    conditions, at = [], 0
    while text[at:].strip():
        word = _WORD.match(text, at)
        if word is None:
            raise FilterError(f'column {at + 1}: a quote that does not end: write "…"')
        conditions.append(_condition(word, at))
        at = word.end()
    return tuple(conditions)


def _condition(word: re.Match[str], at: int) -> Condition:
    negated, field, comparison, value, also_negated, text = word.groups()
    if field is None:
        return Condition("", ":", text.strip('"'), is_negated=also_negated == "-")
    value, field = value.strip('"'), _full(field.lower(), at)
    if comparison in _COMPARISONS and not _is_number(value):
        raise FilterError(f"column {at + 1}: {comparison} compares numbers, and {value!r} is none")
    return Condition(field, comparison, value, is_negated=negated == "-")


def _full(field: str, at: int) -> str:
    if field in FIELDS or field.startswith("event."):
        return field
    if field in OF_EVENTS:
        return f"event.{field}_id"
    known = ", ".join((*FIELDS, *OF_EVENTS))
    raise FilterError(f"column {at + 1}: there is no field {field!r}: there are {known}, and event.NAME")


def _is_number(value: str) -> bool:
    try:
        float(value)
    except ValueError:
        return False
    return True


def _at(record: Record, field: str) -> Any:  # noqa: ANN401  # JSON
    """What is at a path of a record: `event.place.city`; None where there is nothing."""
    found: Any = record
    for name in field.split("."):
        found = found.get(name) if isinstance(found, Mapping) else None
    return found


def fits(conditions: Sequence[Condition], record: Record) -> bool:
    """Whether a record fits all conditions."""
    return all(condition.fits(record) for condition in conditions)
