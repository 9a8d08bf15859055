"""Which location serves an order: candidates, and the decision between them."""
