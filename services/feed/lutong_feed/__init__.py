"""The feed owns accounts, follows, posts with the card on each, and what viewers do with a card.

It listens to what the registry finds for a post and to what becomes of an order. It says what was
posted, tapped, solved and asked for.
"""
