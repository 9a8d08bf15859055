"""Rights of agreements, in batches: used by members, or by merchants with a code that the member shows; taken back."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from pydantic import BaseModel

from lutong_chassis import Answer, Asked, Cause, Handlers, Problem, Tx
from lutong_chassis.audit import Change
from lutong_chassis.auth import Principal
from lutong_membership.agreements.domain.account import Account
from lutong_membership.agreements.domain.codes import Code, IssueCode, made, shown, why_no_code
from lutong_membership.agreements.domain.rights import Chooser, TakeBackUse, Used, UseRight, take_back, use_right
from lutong_membership.agreements.domain.term import admit
from lutong_membership.agreements.domain.unit_of_work import UnitOfWork
from lutong_membership.agreements.store import accounts as account_store
from lutong_membership.agreements.store import codes as code_store
from lutong_membership.agreements.store import statements as statement_store
from lutong_membership.agreements.store.codes import CodeName
from lutong_membership.bodies import absent, refused
from lutong_membership.outgoing import caused
from lutong_membership.plans.domain.clock import Clock
from lutong_membership.policy import clock, deducts
from lutong_membership.values import Refusal

handlers = Handlers()


class UseView(BaseModel):
    """A use that was counted."""

    agreement_id: str
    use_id: str


class CodeView(BaseModel):
    """A code, which is shown this once. It works once, until `expires_at`."""

    code: str
    expires_at: datetime


@handlers.on(IssueCode)
async def issue_codes(batch: Sequence[Asked[IssueCode]], tx: Tx) -> list[Answer | Problem]:
    """Members get codes to show to merchants: each confirms one use of a right, and replaces the one before."""
    work = await _open(tx, (asked.command.agreement_id for asked in batch))
    answers, issued = list[Answer | Problem](), dict[CodeName, Code]()
    for asked in batch:
        agreement_id, right_id, randomness = asked.command
        account = work.account(agreement_id)
        if account is None or not asked.who.acts_for(member=account.agreement.member_id):
            answers.append(refused(absent("signed agreement", agreement_id)))
        elif refusal := why_no_code(account.plan, right_id):
            answers.append(refused(refusal))
        else:
            fresh = made(agreement_id, right_id, randomness, tx.now)
            issued[CodeName(agreement_id, right_id)] = fresh.kept
            answers.append(Answer(CodeView(code=fresh.text, expires_at=fresh.kept.expires_at)))
    await code_store.save_codes(tx, issued.values())
    return answers


@dataclass(slots=True)
class _Uses:
    """What uses of a batch are decided on, as decisions so far left it, and the codes that changed."""

    work: UnitOfWork
    causes: Mapping[str, Cause]
    codes: dict[CodeName, Code]
    clock: Clock
    changed: dict[CodeName, Code] = field(default_factory=dict)

    def use(self, asked: Asked[UseRight]) -> Answer | Problem:
        """Use a right; the same use again is the same answer."""
        agreement_id, right_id, use_id, _ = asked.command
        account, who = self.work.account(agreement_id), asked.who
        if account is None or not _is_theirs(account, who):
            return refused(absent("signed agreement", agreement_id))
        by: Chooser = "member" if who.member_id == account.agreement.member_id else "merchant"
        used = use_right(account, right_id, use_id, by, self.clock)
        if isinstance(used, Refusal):
            return refused(used)
        if used is None:
            return Answer(UseView(agreement_id=agreement_id, use_id=use_id), changed=False)
        if by == "merchant" and (refusal := self._check_code(asked)):
            change = _on_record("right.refuse_code", asked)
            return Answer(None, (), [change], refusal=refused(refusal))  # not a refusal alone: the guess is counted
        return self.write(asked, account, used, [_on_record("right.use", asked)] if by == "merchant" else [])

    def write(
        self, asked: Asked[UseRight] | Asked[TakeBackUse], account: Account, used: Used, record: Sequence[Change]
    ) -> Answer:
        """Count a use, or that it was taken back, on the journey that brought the agreement."""
        agreement_id, use_id = asked.command.agreement_id, asked.command.use_id
        outcome = admit(account, used.accrual, self.clock, used.event)
        events = caused(self.causes.get(agreement_id, asked.cause), self.work.take(outcome))
        return Answer(UseView(agreement_id=agreement_id, use_id=use_id), events, record)

    def _check_code(self, asked: Asked[UseRight]) -> Refusal | None:
        name = CodeName(asked.command.agreement_id, asked.command.right_id)
        kept, refusal = shown(self.codes.get(name), asked.command.code, self.clock.now)
        if kept:
            self.codes[name] = self.changed[name] = kept
        return refusal


@handlers.on(UseRight)
async def use_rights(batch: Sequence[Asked[UseRight]], tx: Tx) -> list[Answer | Problem]:
    """Rights are used, as often as their plans allow. Who is not the member needs a code of the member's."""
    work = await _open(tx, (asked.command.agreement_id for asked in batch))
    causes = await statement_store.journeys_of(tx, work.accounts)
    codes = await code_store.lock_codes(tx, (CodeName(*asked.command[:2]) for asked in batch))
    uses = _Uses(work, causes, codes, clock(tx))
    answers = [uses.use(asked) for asked in batch]
    await code_store.save_codes(tx, uses.changed.values())
    await account_store.save_work(tx, work)
    return answers


@handlers.on(TakeBackUse)
async def take_back_uses(batch: Sequence[Asked[TakeBackUse]], tx: Tx) -> list[Answer | Problem]:
    """Uses were not enjoyed after all: the rights may be used again."""
    work = await _open(tx, (asked.command.agreement_id for asked in batch))
    uses = _Uses(work, await statement_store.journeys_of(tx, work.accounts), {}, clock(tx))
    answers: list[Answer | Problem] = []
    for asked in batch:
        agreement_id, right_id, use_id, chosen_by = asked.command
        account = work.account(agreement_id)
        if account is None or not asked.who.acts_for(merchant=account.agreement.merchant_id):
            answers.append(refused(absent("signed agreement", agreement_id)))
            continue
        used = take_back(account, right_id, use_id, chosen_by, uses.clock)
        if isinstance(used, Refusal):
            answers.append(refused(used))
        else:
            answers.append(uses.write(asked, account, used, [_on_record("right.take_back", asked)]))
    await account_store.save_work(tx, work)
    return answers


async def _open(tx: Tx, agreement_ids: Iterable[str]) -> UnitOfWork:
    """The accounts of a batch; the members' lines are locked."""
    return await account_store.open_work(tx, agreement_ids, deducts=deducts())


def _is_theirs(account: Account, who: Principal) -> bool:
    agreement = account.agreement
    return who.acts_for(member=agreement.member_id, merchant=agreement.merchant_id)


def _on_record(action: str, asked: Asked[UseRight] | Asked[TakeBackUse]) -> Change:
    facts = {"right_id": asked.command.right_id, "use_id": asked.command.use_id}
    return Change(action, f"agreement:{asked.command.agreement_id}", None, None, facts)
