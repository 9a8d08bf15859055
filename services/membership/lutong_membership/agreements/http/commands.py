"""What several commands have in common: amounts, views, and turning a refusal into an answer."""

from collections.abc import Callable, Sequence
from typing import NamedTuple, NoReturn

from pydantic import BaseModel

from lutong_chassis import Problem, Tx, not_found
from lutong_membership.agreements.domain.account import Account, Outcome
from lutong_membership.agreements.domain.agreement import Agreement
from lutong_membership.agreements.domain.unit_of_work import UnitOfWork
from lutong_membership.agreements.store import accounts as account_store
from lutong_membership.agreements.store import statements as statement_store
from lutong_membership.bodies import or_refused
from lutong_membership.ledger.domain.entries import Line, LineKey
from lutong_membership.ledger.store import lines as line_store
from lutong_membership.outgoing import caused
from lutong_membership.policy import deducts
from lutong_membership.values import Emitted, Refusal


class LineView(BaseModel):
    """A credit line, in minor units. `limit_minor` falls to `target_minor` as what is in use is given back."""

    currency: str
    limit_minor: int
    target_minor: int
    held_minor: int
    owed_minor: int
    charged_minor: int
    uncovered_minor: int
    credit_minor: int
    available_minor: int


def view(line: Line) -> LineView:
    """A line as its member may see it."""
    return LineView(**{name: getattr(line, name) for name in LineView.model_fields})


class OpenedAccount(NamedTuple):
    """An account to decide about, and the unit of work that saves the decision."""

    work: UnitOfWork
    account: Account


async def open_one(tx: Tx, agreement_id: str, is_theirs: Callable[[Agreement], bool]) -> OpenedAccount:
    """The account of an agreement, its member's lines locked. Raises Problem 404 unless it was signed and `is_theirs`."""
    work = await account_store.open_work(tx, [agreement_id], deducts=deducts())
    account = work.account(agreement_id)
    if account is None or not is_theirs(account.agreement):
        not_found("signed agreement", agreement_id)
    return OpenedAccount(work, account)


async def settle_command(tx: Tx, work: UnitOfWork, outcome: Outcome | Refusal) -> Outcome:
    """Save an outcome and publish its events on the journey of the agreement. Raises Problem 409 for a refusal."""
    done = or_refused(outcome)
    emitted = work.take(done)
    await account_store.save_work(tx, work)
    await publish(tx, done.account.agreement.agreement_id, emitted)
    return done


async def publish(tx: Tx, agreement_id: str, emitted: Sequence[Emitted]) -> None:
    """Publish events on the journey that brought the agreement."""
    tx.outgoing += caused(await statement_store.journey_of(tx, agreement_id), emitted)


async def locked_line(tx: Tx, member_id: str, currency: str) -> Line:
    """A member's line, locked; 404 when there is none."""
    lines = await line_store.lock_lines(tx, [member_id])
    return lines.get(LineKey(member_id, currency)) or _no_line(member_id, currency)


def _no_line(member_id: str, currency: str) -> NoReturn:
    raise Problem(404, "not_found", f"member {member_id!r} has no line in {currency}")
