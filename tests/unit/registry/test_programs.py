"""The life of a mini-program: rules without a database."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from lutong_contracts.registry import (
    ProgramResumed,
    ProgramSuspended,
    VersionReleased,
    VersionRolledBack,
)
from lutong_registry.programs import domain
from lutong_registry.programs.domain import Change, Program, Refusal, Version


def a_version(number: int, state: domain.State = "submitted") -> Version:
    return Version(number, state, f"公积金提取 {number}", "pages/fund", ())


def a_program(*versions: Version) -> Program:
    return Program("fund", "gov", None, versions)


def after(program: Program, change: Change | Refusal) -> Program:
    assert isinstance(change, Change)
    known = {version.number: version for version in (*program.versions, *change.versions)}
    return replace(program, versions=tuple(known[number] for number in sorted(known)))


def kind(decision: Change | Refusal) -> str:
    assert isinstance(decision, Refusal)
    return decision.kind


def test_a_version_is_submitted_approved_released_and_rolled_back() -> None:
    program = a_program()
    for number in (1, 2):
        program = after(program, domain.submit(program, a_version(number)))
        program = after(program, domain.approve(program, number))
        released = domain.release(program, number)
        assert isinstance(released, Change)
        assert isinstance(released.events[0], VersionReleased)
        program = after(program, released)
    back = domain.roll_back(program, 2)
    assert isinstance(back, Change)
    assert isinstance(back.events[0], VersionRolledBack)
    assert (back.events[0].withdrawn_version, back.events[0].version) == (2, 1)
    assert [version.state for version in after(program, back).versions] == ["released", "rolled_back"]


def test_refusals_name_the_rule() -> None:
    assert kind(domain.submit(a_program(a_version(3, "released")), a_version(3))) == "version_not_newer"
    assert kind(domain.submit(a_program(a_version(1)), a_version(2))) == "in_review"
    assert kind(domain.release(a_program(a_version(1)), 1)) == "wrong_state"
    assert kind(domain.approve(a_program(), 1)) == "unknown_version"
    assert kind(domain.roll_back(a_program(a_version(1, "released")), 1)) == "nothing_to_roll_back_to"
    assert kind(domain.resume(a_program())) == "not_suspended"


@given(
    st.lists(
        st.tuples(st.sampled_from(["submit", "approve", "reject", "release", "roll_back"]), st.integers(1, 4)),
        max_size=40,
    )
)
def test_at_most_one_version_is_released_and_one_in_review(actions: list[tuple[str, int]]) -> None:
    program = a_program()
    for action, number in actions:
        decision = decide(program, action, number)
        if isinstance(decision, Change):
            program = after(program, decision)
        states = [version.state for version in program.versions]
        assert states.count("released") <= 1
        assert sum(state in domain.IN_FLIGHT for state in states) <= 1


def decide(program: Program, action: str, number: int) -> Change | Refusal:
    match action:
        case "submit":
            return domain.submit(program, a_version(number))
        case "approve":
            return domain.approve(program, number)
        case "reject":
            return domain.reject(program, number, "because")
        case "release":
            return domain.release(program, number)
        case _:
            return domain.roll_back(program, number)


def test_a_program_is_suspended_once_and_resumed_once() -> None:
    program = a_program(a_version(1, "released"))
    stopped = domain.suspend(program, "complaints")
    assert isinstance(stopped, Change)
    assert [type(event) for event in stopped.events] == [ProgramSuspended]
    suspended = replace(program, suspended_for="complaints")
    assert kind(domain.suspend(suspended, "again")) == "already_suspended"
    resumed = domain.resume(suspended)
    assert isinstance(resumed, Change)
    assert [type(event) for event in resumed.events] == [ProgramResumed]
    assert kind(domain.resume(program)) == "not_suspended"
