"""Posts that their authors edit: what they were before is kept, and shown."""
