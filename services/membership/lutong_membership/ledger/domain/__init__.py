"""Rules of entries and lines. Pure."""
