"""Orders in SQL: orders are locked before shelves, both in key order."""
