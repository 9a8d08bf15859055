"""Each alert fires on a running suite, and the commands of its runbook lead to the cause: `make runbooks`, a quarter of an hour."""
