"""The events and commands that membership handles, by subject."""

from lutong_chassis import Handlers
from lutong_membership.agreements.handlers import rights, terms
from lutong_membership.bindings import handlers as bindings
from lutong_membership.coupons import handlers as coupons
from lutong_membership.grants import handlers as grants
from lutong_membership.holds.handlers import joining, orders, requests
from lutong_membership.plans import handlers as plans
from lutong_membership.repayments.handlers import commands as repayments
from lutong_membership.repayments.handlers import lapses

handlers = Handlers()
for subject in (grants, bindings, plans, requests, joining, orders, rights, terms, repayments, lapses, coupons):
    handlers.include(subject.handlers)
