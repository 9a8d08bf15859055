"""SQL of plans and of the uplift report."""
