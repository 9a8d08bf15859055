"""Posts that their authors, or operators, delete: what is left is a tombstone."""
