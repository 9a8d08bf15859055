"""Repayments: a member claims one, and evidence decides it."""

from typing import Literal

from lutong_contracts.event import Event
from lutong_contracts.topics import REPAYMENTS
from lutong_contracts.values import Identifier, Instant, Money, Reason


class RepaymentClaimed(Event, topic=REPAYMENTS, key="repayment_id"):
    """A member asks to pay `amount`. Nothing is paid yet, and nothing will be after `expires_at`."""

    repayment_id: Identifier
    member_id: Identifier
    amount: Money
    expires_at: Instant


class RepaymentLapsed(Event, topic=REPAYMENTS, key="repayment_id"):
    """A deadline: a claim without evidence is rejected."""

    repayment_id: Identifier


class RepaymentConfirmed(Event, topic=REPAYMENTS, key="repayment_id"):
    """`amount` arrived: confirmed by a payment provider, or by an operator with a bank's reference. It paid debts."""

    repayment_id: Identifier
    member_id: Identifier
    amount: Money
    evidence: Literal["provider", "bank"]


class RepaymentRejected(Event, topic=REPAYMENTS, key="repayment_id"):
    """Nothing arrived, and nothing was booked."""

    repayment_id: Identifier
    member_id: Identifier
    amount: Money
    reason: Reason
