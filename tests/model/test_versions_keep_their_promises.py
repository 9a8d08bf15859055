"""Versions keep R1 to R4 whatever is asked in whatever order; each rule that is left out is caught.

`VERSION_STEPS=100000` looks longer.
"""

import os

import pytest

from lutong_contracts import gray
from lutong_registry.life_accounts import domain as pushes
from lutong_registry.programs import domain as programs
from lutong_registry.programs import hosting
from lutong_registry.releases import domain
from tests.model.shelf_promises import BrokenPromiseError
from tests.model.version_promises import run
from tests.support.mutants import Mutant, leave_out

STEPS = int(os.environ.get("VERSION_STEPS", "12000"))
LIFE = 200
"""After so many steps another program begins: with each version all later steps cost more."""

MUTANTS = [
    Mutant("R1 two are in flight", programs, "blocked", "if pending is None", "if True"),
    Mutant("R1 the former one stays released", programs, "release", "if program.released else ()", "if False else ()"),
    Mutant("R1 an older one comes back to review", domain, "resubmit", "number != newest", "False"),
    Mutant("R1 what hosts had stays beside what is for all", programs, "covered", "if known.state ==", "if known.state !="),
    Mutant("R1 what is for all leaves what hosts had", programs, "release", "*covered(program, version), ", ""),
    Mutant("R1 one for some hosts is released to all", hosting, "beside", "main is not None and", "False and"),
    Mutant("R1 those between are not passed over", programs, "roll_back", "known.number > back.number", "False"),
    Mutant("R2 numbers do not grow", programs, "submit", "version.number <= newest", "version.number < 0"),
    Mutant("R2 any state becomes any other", programs, "ready", "version.state not in MAY_BECOME[becomes]", "False"),
    Mutant("R2 what is handed in again is changed", domain, "resubmit", 'state="submitted"', 'state="submitted", page="pages/other"'),
    Mutant("R3 each step has a salt of its own", domain, "_audience", "salt=kept.salt", "salt=salt"),
    Mutant("R3 a list is forgotten", domain, "_audience", "kept.viewers if wanted.viewers is None else", "() if wanted.viewers is None else"),
    Mutant("R3 an audience may become narrower", domain, "_misstep", "before and not widens(before, audience)", "False"),
    Mutant("R3 steps are skipped", domain, "_misstep", "audience.percent not in steps", "False"),
    Mutant("R3 buckets are those of the share", gray, "sees", "bucket(program_id, audience.salt", "bucket(program_id, str(audience.percent)"),
    Mutant("R3 a region is no condition", gray, "sees", "viewing.region in audience.regions", "True"),
    Mutant("R3 gray goes on without its control", domain, "_without_gray", "if isinstance(stopped, Refusal)", "if True"),
    Mutant("R4 what is admitted only is promoted", programs, "why_not_promoted", "if released.admitted_only", "if False"),
    Mutant("R4 what is suspended is promoted", programs, "why_not_promoted", "if program.suspended_for", "if False"),
    Mutant("R4 an admission is an approval", domain, "admit", "admitted_only=True", "admitted_only=False"),
    Mutant("R4 a late approval changes nothing", programs, "approve", "replace(known, admitted_only=False)", "known"),
    Mutant("R4 a push goes on whatever its program is", pushes, "after_chunk", "if refusal := why_not_promoted(program)", "if False"),
    Mutant("withdrawals are not counted", domain, "withdraw", "if spent is not None", "if False"),
]  # fmt: skip


def live(steps: int) -> int:
    """One program after the other; gives how many versions they had."""
    return sum(run(seed, LIFE) for seed in range(steps // LIFE))


def test_nothing_that_is_asked_breaks_a_promise_of_versions() -> None:
    assert live(STEPS) > STEPS // 50


@pytest.mark.parametrize("mutant", MUTANTS, ids=[mutant.name for mutant in MUTANTS])
def test_a_rule_of_versions_that_is_left_out_is_missed(mutant: Mutant, monkeypatch: pytest.MonkeyPatch) -> None:
    leave_out(mutant, monkeypatch)
    with pytest.raises(BrokenPromiseError):
        live(20_000)
