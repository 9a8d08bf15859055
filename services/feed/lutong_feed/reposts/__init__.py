"""Posts that repeat others: trees, whose root has the card."""
