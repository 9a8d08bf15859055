"""The feed owns accounts, follows, posts with the card on each, and what viewers do with a card.

It consumes what the registry finds for a post and what becomes of an order. It publishes posts, taps,
solutions and requests.
"""
