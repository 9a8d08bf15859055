"""Credit assessments: the local scorecard or a provider over HTTP."""
