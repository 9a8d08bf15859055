"""Every SQL statement of the registry: sets of keys in, sets of rows out."""
