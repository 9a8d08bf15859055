"""Live cards: what of a card's goods is where now, for the one who looks; one row per shelf, joined when a card is read."""
