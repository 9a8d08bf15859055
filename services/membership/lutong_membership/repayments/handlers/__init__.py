"""What becomes of repayments: asked for, confirmed, rejected, lapsed."""
