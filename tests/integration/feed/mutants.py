"""A rule of the feed that is left out of its source: what a walk over random worlds must miss."""

import inspect
from collections.abc import Callable
from types import ModuleType
from typing import Any, NamedTuple

import pytest


class Mutant(NamedTuple):
    """A rule that is left out: what stands for it in the source, and what stands there instead."""

    name: str
    module: ModuleType
    where: str
    old: str
    new: str


def leave_out(mutant: Mutant, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have the code without a rule."""
    found: str | Callable[..., Any] = getattr(mutant.module, mutant.where)
    source = found if isinstance(found, str) else inspect.getsource(found)
    assert mutant.old in source, f"{mutant.where} has no {mutant.old!r} any more"
    changed: Any = source.replace(mutant.old, mutant.new)
    if not isinstance(found, str):
        names = dict(vars(mutant.module))
        exec(compile(changed, mutant.where, "exec"), names)  # noqa: S102  # our own source, one rule short
        changed = names[mutant.where]
    monkeypatch.setattr(mutant.module, mutant.where, changed)
