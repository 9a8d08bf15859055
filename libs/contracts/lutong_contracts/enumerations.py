"""Enumerations that will grow: closed where an event is written, open where it is received.

A consumer of the release before must read what a newer release writes: a third way to hand goods over, a new kind of
location. Python that makes an event is held to the words of this version; JSON that is parsed may have any word. What was received
and is not known here is a `NewerWord`, which may be passed on. A service that decides by such a field defines what it does with other words.

An enumeration that must not grow is a plain `Literal`: the gate refuses a new value of it (`schema.py`).
"""

from typing import Any, Final, get_args

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic_core import CoreSchema, core_schema

WORD_PATTERN: Final = r"^[a-z][a-z_]{0,39}$"
"""What every word of an open enumeration looks like, also those of later versions."""

VALUES: Final = "x-lutong-values"
"""In a schema, the words that the version it is of knows."""


class NewerWord(str):
    """A word of an open enumeration that a newer version wrote and this one does not know."""

    __slots__ = ()


class Open:
    """Marks a text as an open enumeration of the words of a `Literal`.

    >>> step: Annotated[str, Open(Literal["accepted", "picked"])]

    Its type is `str` on purpose: what is received may be another word, and mypy reports code that assumes one of these.
    """

    __slots__ = ("words",)

    def __init__(self, words: object) -> None:
        self.words: tuple[str, ...] = get_args(words)

    def __get_pydantic_core_schema__(self, _source: object, _handler: GetCoreSchemaHandler) -> CoreSchema:
        """From JSON any word; from Python those of this version, and words that were received."""
        known = {word: word for word in self.words}
        received = core_schema.no_info_after_validator_function(
            lambda text: known.get(text) or NewerWord(text), core_schema.str_schema(pattern=WORD_PATTERN)
        )
        written = core_schema.no_info_wrap_validator_function(
            lambda word, check: word if isinstance(word, NewerWord) else check(word),
            core_schema.literal_schema(list(self.words)),
        )
        return core_schema.json_or_python_schema(
            received, written, serialization=core_schema.to_string_ser_schema(when_used="json")
        )

    def __get_pydantic_json_schema__(self, _schema: CoreSchema, _handler: GetJsonSchemaHandler) -> dict[str, Any]:
        """What may be received, and what this version writes."""
        return {"type": "string", "pattern": WORD_PATTERN, VALUES: list(self.words)}
