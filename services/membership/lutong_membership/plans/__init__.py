"""Plans: the terms that a merchant offers, their calendar and what they changed."""
