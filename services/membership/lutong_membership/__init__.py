"""Membership owns plans, agreements, credit lines, holds and the ledger behind them.

It consumes requests from the feed and the outcomes of orders from inventory. It decides who may enjoy first and pay later, and
what is held for an order, and it publishes both. Credit scores stay in its database.
"""
