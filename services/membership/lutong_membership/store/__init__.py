"""Every SQL statement of membership: sets of keys in, sets of rows out.

Locks are taken in one order: orders by name, applicants, lines, stocks, coupons; each in key order. Whoever
changes what a member has under an agreement holds the lock of the member's lines.
"""

from lutong_membership.store.agreements import agreements, agreements_of, live_agreements, save_agreements
from lutong_membership.store.assessments import (
    Job,
    ask_about,
    claim_jobs,
    copy_assessments,
    end_jobs,
    limits,
    lock_applicants,
    postpone_jobs,
    save_assessments,
    standing,
    wait,
)
from lutong_membership.store.consultations import lock_offers, open_consultations, save_conclusions
from lutong_membership.store.coupons import (
    coupons_of,
    issued_to,
    lapsed,
    lock_coupons,
    lock_stocks,
    put_stock,
    save_coupons,
    save_stocks,
    stock,
)
from lutong_membership.store.deductions import Attempt, claim_deductions, end_deductions, postpone_deductions
from lutong_membership.store.dossiers import agreements_in_debt, desk_of, open_desk, read_dossier, save_desk
from lutong_membership.store.holds import (
    Endings,
    agreements_of_orders,
    end_holds,
    hold,
    leave_tombstones,
    open_books,
    save_holds,
    with_newcomers,
)
from lutong_membership.store.ledger import OverLimitError, ledger_of, post, retarget, summary
from lutong_membership.store.lines import lock_lines, open_lines, read_lines
from lutong_membership.store.members import forget, save_applicants
from lutong_membership.store.plans import draw_arms, lock_plan, open_plan_of, open_plans, plan, save_plan
from lutong_membership.store.proposals import (
    decide_proposal,
    lock_proposal,
    open_proposals,
    propose,
    propose_write_offs,
)
from lutong_membership.store.statements import agreement, journey_of, statement
from lutong_membership.store.uplift import exposed_members

__all__ = [
    "Attempt",
    "Endings",
    "Job",
    "OverLimitError",
    "agreement",
    "agreements",
    "agreements_in_debt",
    "agreements_of",
    "agreements_of_orders",
    "ask_about",
    "claim_deductions",
    "claim_jobs",
    "copy_assessments",
    "coupons_of",
    "decide_proposal",
    "desk_of",
    "draw_arms",
    "end_deductions",
    "end_holds",
    "end_jobs",
    "exposed_members",
    "forget",
    "hold",
    "issued_to",
    "journey_of",
    "lapsed",
    "leave_tombstones",
    "ledger_of",
    "limits",
    "live_agreements",
    "lock_applicants",
    "lock_coupons",
    "lock_lines",
    "lock_offers",
    "lock_plan",
    "lock_proposal",
    "lock_stocks",
    "open_books",
    "open_consultations",
    "open_desk",
    "open_lines",
    "open_plan_of",
    "open_plans",
    "open_proposals",
    "plan",
    "post",
    "postpone_deductions",
    "postpone_jobs",
    "propose",
    "propose_write_offs",
    "put_stock",
    "read_dossier",
    "read_lines",
    "retarget",
    "save_agreements",
    "save_applicants",
    "save_assessments",
    "save_conclusions",
    "save_coupons",
    "save_desk",
    "save_holds",
    "save_plan",
    "save_stocks",
    "standing",
    "statement",
    "stock",
    "summary",
    "wait",
    "with_newcomers",
]
