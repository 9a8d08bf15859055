"""Who takes repayments that members ask for: a provider outside, or operators who read bank statements."""
