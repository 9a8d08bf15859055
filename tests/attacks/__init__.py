"""Ways to make money out of nothing, tried against a running suite: `python -m tests.attacks [STACK]`."""
