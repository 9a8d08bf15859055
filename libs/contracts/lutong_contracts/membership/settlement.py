"""Settlement: events of charges, deductions, overdue debts, and the end of an agreement."""

from typing import Annotated, Literal

from lutong_contracts.enumerations import Open
from lutong_contracts.event import Event
from lutong_contracts.topics import AGREEMENTS
from lutong_contracts.values import Identifier, Instant, Money, Reason


class SettlementDue(Event, topic=AGREEMENTS, key="agreement_id"):
    """A deadline: what is charged is decided now."""

    agreement_id: Identifier


class AgreementCharged(Event, topic=AGREEMENTS, key="agreement_id"):
    """The member is to pay `charge`, of `benefit` that was enjoyed. It never grows afterwards."""

    agreement_id: Identifier
    member_id: Identifier
    plan_id: Identifier
    merchant_id: Identifier
    charge: Money
    benefit: Money


class ChargeCredited(Event, topic=AGREEMENTS, key="agreement_id"):
    """A late event lowered the charge by `amount`: it is dropped, or owed to the member if it was paid."""

    agreement_id: Identifier
    member_id: Identifier
    plan_id: Identifier
    merchant_id: Identifier
    amount: Money


class DeductionNotified(Event, topic=AGREEMENTS, key="agreement_id"):
    """Exactly `amount` will be taken from the member's account, not before `not_before`."""

    agreement_id: Identifier
    member_id: Identifier
    plan_id: Identifier
    merchant_id: Identifier
    deduction_id: Identifier
    amount: Money
    not_before: Instant


class DeductionDue(Event, topic=AGREEMENTS, key="agreement_id"):
    """A deadline: the notice of a deduction is over."""

    agreement_id: Identifier
    deduction_id: Identifier


class DeductionSucceeded(Event, topic=AGREEMENTS, key="agreement_id"):
    """The amount that was notified has been taken."""

    agreement_id: Identifier
    member_id: Identifier
    deduction_id: Identifier
    amount: Money


class DeductionFailed(Event, topic=AGREEMENTS, key="agreement_id"):
    """Nothing was taken, for certain."""

    agreement_id: Identifier
    member_id: Identifier
    deduction_id: Identifier
    amount: Money
    reason: Reason


class DebtWaived(Event, topic=AGREEMENTS, key="agreement_id"):
    """An operator let the member off `amount`."""

    agreement_id: Identifier
    member_id: Identifier
    plan_id: Identifier
    merchant_id: Identifier
    amount: Money


class AgreementSettled(Event, topic=AGREEMENTS, key="agreement_id"):
    """Nothing is owed under the agreement any more. `charge` is what it came to in the end."""

    agreement_id: Identifier
    member_id: Identifier
    plan_id: Identifier
    merchant_id: Identifier
    charge: Money


class OverdueStepDue(Event, topic=AGREEMENTS, key="agreement_id"):
    """A deadline: the next step for overdue debts may be due. It is looked at again, as debts may have been paid."""

    agreement_id: Identifier


class AgreementOverdue(Event, topic=AGREEMENTS, key="agreement_id"):
    """Debts are overdue: remind the member, let them sign nothing new, suspend benefits, propose to write off."""

    agreement_id: Identifier
    member_id: Identifier
    plan_id: Identifier
    merchant_id: Identifier
    step: Annotated[str, Open(Literal["reminded", "blocked", "suspended", "proposed"])]


class AgreementRecovered(Event, topic=AGREEMENTS, key="agreement_id"):
    """The oldest debts were paid: `step` is what the debts that are left still justify."""

    agreement_id: Identifier
    member_id: Identifier
    plan_id: Identifier
    merchant_id: Identifier
    step: Annotated[str, Open(Literal["none", "reminded", "blocked", "suspended", "proposed"])]


class AgreementWrittenOff(Event, topic=AGREEMENTS, key="agreement_id"):
    """Nothing more is expected of the member: `amount` is lost, and the agreement ends."""

    agreement_id: Identifier
    member_id: Identifier
    plan_id: Identifier
    merchant_id: Identifier
    amount: Money


class GraceEnded(Event, topic=AGREEMENTS, key="agreement_id"):
    """A deadline: late events have no effect on the agreement any more."""

    agreement_id: Identifier


class AgreementClosed(Event, topic=AGREEMENTS, key="agreement_id"):
    """The end: settled, and nothing can change it any more."""

    agreement_id: Identifier
    member_id: Identifier
    plan_id: Identifier
    merchant_id: Identifier
