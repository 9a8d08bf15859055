"""From a version that was admitted to one that everybody opens: gray, guardrails, withdrawal, forced offline."""
