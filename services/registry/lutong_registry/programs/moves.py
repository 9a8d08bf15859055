"""A decision about the versions of a program takes effect: they are locked, moved, listed, published and on record."""

from collections.abc import Callable, Iterator, Mapping

from lutong_chassis import Problem, Tx, Who, audit, not_found
from lutong_registry.programs import store as program_store
from lutong_registry.programs.bodies import ProgramView, ReasonBody, view_of
from lutong_registry.programs.domain import Change, Program, Refusal, Version
from lutong_registry.programs.store import VersionMove
from lutong_registry.search.store import listings as search_store

Decide = Callable[[Program], Change | Refusal]


async def lock(tx: Tx, who: Who, program_id: str) -> Program:
    """A program, locked; refuse one that does not exist or belongs to another merchant."""
    program = (await program_store.lock_programs(tx, [program_id])).get(program_id) or not_found("program", program_id)
    who.require(merchant=program.merchant_id, hide=("program", program_id))
    return program


async def move(
    tx: Tx, who: Who, program_id: str, action: str, decide: Decide, body: ReasonBody | None = None
) -> ProgramView:
    """Let a decision about versions take effect, and the search see it."""
    program = await lock(tx, who, program_id)
    change = accepted(decide(program), program)
    await save(tx, {program_id: change})
    tx.publish(*change.events)
    after = await lock(tx, who, program_id)
    if who.is_staff:
        await audit.record(tx, who, *moved(action, program, after, body.reason if body else None))
    return view_of(after)


async def save(tx: Tx, changes: Mapping[str, Change]) -> None:
    """Save what was decided on programs, and let the search see it."""
    moves = [VersionMove.of(key, version) for key, change in sorted(changes.items()) for version in change.versions]
    await program_store.save_states(tx, moves)
    await search_store.refresh_listings(tx, changes)
    await search_store.hide(tx, [row.program_id for row in moves if row.state == "forced_offline"])
    await program_store.forget_trials(tx, [row for row in moves if row.stage and row.state != "gray"])


def moved(action: str, program: Program, after: Program, reason: str | None = None) -> Iterator[audit.Change]:
    """What is on record of versions that changed: one change for each."""
    for version in after.versions:
        before = program.version(version.number)
        if version != before:
            subject = f"version:{program.program_id}:{version.number}"
            yield audit.Change(action, subject, reason, _on_record(before) if before else None, _on_record(version))


def _on_record(version: Version) -> dict[str, object]:
    return {"state": version.state} | ({"percent": version.audience.percent} if version.audience else {})


def accepted(decision: Change | Refusal, program: Program) -> Change:
    """The change, or a problem that names the program: a batch holds many."""
    if isinstance(decision, Refusal):
        status = 404 if decision.kind == "unknown_version" else 409
        raise Problem(status, decision.kind, decision.detail, program_id=program.program_id)
    return decision
