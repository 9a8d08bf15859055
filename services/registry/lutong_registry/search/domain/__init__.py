"""What the search knows about text, and how it ranks. Pure: no clock, no database."""
