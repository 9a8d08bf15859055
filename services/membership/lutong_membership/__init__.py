"""Membership owns plans, agreements, credit lines, holds and the ledger behind them.

It listens to requests from the feed and to what inventory makes of orders. It says who may enjoy
first and pay later, what is held for an order, and what became of it. Scores stay in its database.
"""
