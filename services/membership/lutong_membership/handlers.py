"""The events that membership handles, by subject."""

from lutong_chassis import Handlers
from lutong_membership.agreements import handlers as agreements
from lutong_membership.bindings import handlers as bindings
from lutong_membership.coupons import handlers as coupons
from lutong_membership.holds.handlers import orders, requests
from lutong_membership.repayments import handlers as repayments

handlers = Handlers()
for subject in (bindings, requests, orders, agreements, repayments, coupons):
    handlers.include(subject.handlers)
