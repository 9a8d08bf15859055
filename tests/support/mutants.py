"""Rules that are left out of our own source, one at a time: a test that does not miss them is worth nothing."""

import inspect
import sys
from collections.abc import Callable
from types import ModuleType
from typing import Any, NamedTuple

import pytest


class Mutant(NamedTuple):
    """A rule that is left out: what stands for it in the source of a function or a constant, and what stands there instead."""

    name: str
    module: ModuleType
    where: str
    old: str
    new: str


def leave_out(mutant: Mutant, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have the code without a rule, in every module of ours, and of the tests, that has it."""
    found: str | Callable[..., Any] = getattr(mutant.module, mutant.where)
    source = found if isinstance(found, str) else inspect.getsource(found)
    assert mutant.old in source, f"{mutant.where} has no {mutant.old!r} any more"
    changed: Any = source.replace(mutant.old, mutant.new)
    if not isinstance(found, str):
        names = dict(vars(mutant.module))
        exec(compile(changed, mutant.where, "exec"), names)  # noqa: S102  # our own source, one rule short
        changed = names[mutant.where]
    for name, module in list(sys.modules.items()):
        if name.startswith(("lutong_", "tests.")):
            for known_as in [known_as for known_as, value in vars(module).items() if value is found]:
                monkeypatch.setattr(module, known_as, changed)
