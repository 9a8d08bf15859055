"""Which item of the feed an order is credited to, and how many came from each stage to the next."""
