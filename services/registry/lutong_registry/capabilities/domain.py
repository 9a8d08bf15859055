"""What a program may use, and what its versions must declare. Pure: no clock, no database."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from typing import Final, NamedTuple

from lutong_contracts.hosts import CapabilitiesChanged

SELLING: Final = frozenset({"pay", "credit"})
"""What a program uses that sells: its orders are held and captured, and its buyers may join on credit."""


class Refusal(NamedTuple):
    """A decision not to: a stable word and a sentence with what to do instead."""

    kind: str
    detail: str


@dataclass(frozen=True, slots=True)
class Grants:
    """What a program may use. `enforced`: a version that declares something was released."""

    program_id: str
    granted: frozenset[str] = frozenset()
    enforced: bool = False
    revision: int = 0

    @property
    def event(self) -> CapabilitiesChanged:
        """The whole of it, as it is published."""
        granted = tuple(sorted(self.granted))
        return CapabilitiesChanged(
            program_id=self.program_id, granted=granted, enforced=self.enforced, revision=self.revision
        )

    def having(self, granted: Iterable[str], *, enforced: bool) -> "Grants":
        """With other grants; the same ones are no change."""
        after = replace(self, granted=frozenset(granted), enforced=enforced)
        return self if after == self else replace(after, revision=self.revision + 1)


def undeclared(declared: Collection[str], *, sells: bool) -> Refusal | None:
    """Why a manifest that declares something is not whole: who sells uses payment and credit."""
    missing = sorted(SELLING - {*declared}) if declared and sells else []
    if not missing:
        return None
    named = ", ".join(missing)
    detail = f"manifest /req_permissions: a program that sells uses {named}, too: declare it with its reason"
    return Refusal("undeclared_capability", detail)


def grant(known: Grants, name: str, declared: Collection[str]) -> Grants | Refusal:
    """Let a program use what one of its versions declares. Once is enough."""
    if name not in declared:
        return Refusal("not_declared", f"no version of the program declares {name!r}: it is granted when one does")
    return known.having({*known.granted, name}, enforced=known.enforced)


def revoke(known: Grants, name: str) -> Grants | Refusal:
    """Let a program use it no more; from a program that has not been held to its grants, nothing can be taken."""
    if name not in known.granted:
        return Refusal("not_granted", f"{name!r} is not granted to the program: nothing is revoked")
    return known.having(known.granted - {name}, enforced=known.enforced)


def released(known: Grants, declared: Collection[str], *, sells: bool) -> Grants | Refusal:
    """A version is put in force: what it uses must be granted. The first that declares something binds the program for good, so that leaving
    its declarations out wins nothing; one of a program that never declared anything goes on as before."""
    if not declared and not known.enforced:
        return known
    missing = sorted(({*declared} | (SELLING if sells else frozenset())) - known.granted)
    if missing:
        named = ", ".join(missing)
        return Refusal(
            "not_granted", f"the version uses what is not granted to the program: {named}: ask an operator for it"
        )
    return known.having(known.granted, enforced=True)
