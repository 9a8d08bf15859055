"""Inventory owns locations, stock and orders: which store, or the flagship, brings the goods.

It listens to credit that is held and to members who change their mind. It publishes where an order is
sourced, each step towards the member, and when a shelf runs empty or is full again.
"""
