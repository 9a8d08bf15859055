"""What an identity reports when it does not hold."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Violation:
    """Something that must not be: which identity it breaks, and the smallest thing that shows it."""

    identity: str
    what: str
    witness: str
