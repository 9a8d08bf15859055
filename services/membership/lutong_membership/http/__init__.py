"""What members, merchants and operators ask of membership. No answer carries a score."""

from lutong_membership.http import agreements, coupons, members, money, operators, plans, repayments, rights
from lutong_membership.http.bodies import router

__all__ = ["agreements", "coupons", "members", "money", "operators", "plans", "repayments", "rights", "router"]
