"""What is wrong with a suite, and what to do about it."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that is wrong, and what to do."""

    what: str
    then: str
