"""Which version of a program opens in the app that a reader looks from, or why none does."""
