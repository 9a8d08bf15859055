"""Where a location is, when it takes orders, and how it opens, changes and closes."""
