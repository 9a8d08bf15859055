"""Where goods are: stores, flagships and their merchants."""
