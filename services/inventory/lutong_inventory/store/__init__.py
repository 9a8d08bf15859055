"""Every SQL statement of inventory: sets of keys in, sets of rows out. Orders are locked before shelves, both in key order."""
