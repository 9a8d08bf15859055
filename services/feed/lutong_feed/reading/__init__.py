"""Posts as their readers see them: by themselves, on an account's page, and on a timeline."""
