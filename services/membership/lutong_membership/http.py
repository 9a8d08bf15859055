"""The commands and queries of membership, by subject. No answer carries a credit score."""

from lutong_membership.agreements.http import agreements, approvals, lines, rights
from lutong_membership.bindings import http as bindings
from lutong_membership.bodies import router
from lutong_membership.coupons import http as coupons
from lutong_membership.holds import http as holds
from lutong_membership.plans import http as plans
from lutong_membership.repayments import http as repayments

__all__ = [
    "agreements",
    "approvals",
    "bindings",
    "coupons",
    "holds",
    "lines",
    "plans",
    "repayments",
    "rights",
    "router",
]
