"""Picking an order up: a code that the member shows, and staff that hands the goods over for it."""
