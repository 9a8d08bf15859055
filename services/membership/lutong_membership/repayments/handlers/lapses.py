"""What happens to claims that no evidence came for."""

from collections.abc import Sequence

from lutong_chassis import Handlers, Outgoing, Received, Tx
from lutong_contracts.membership import RepaymentLapsed
from lutong_membership.outgoing import caused
from lutong_membership.repayments import store as repayment_store
from lutong_membership.repayments.domain import reject
from lutong_membership.values import Refusal

handlers = Handlers()

LAPSED = "expired"


@handlers.on(RepaymentLapsed)
async def lapse_claims(batch: Sequence[Received[RepaymentLapsed]], tx: Tx) -> list[Outgoing]:
    """No evidence came in time: nothing was paid. Of what a provider was asked, the provider's answer decides."""
    found = await repayment_store.lock_repayments(tx, [received.event.repayment_id for received in batch])
    outgoing, ended = [], []
    for received in batch:
        repayment = found.get(received.event.repayment_id)
        if repayment is None or repayment.state != "claimed" or repayment.expires_at > tx.now:
            continue
        outcome = reject(repayment, LAPSED, "clock")
        if not isinstance(outcome, Refusal):
            ended.append(outcome.repayment)
            outgoing += caused(received.as_cause, outcome.emitted)
            found.pop(repayment.repayment_id)
    await repayment_store.save_repayments(tx, ended)
    return outgoing
