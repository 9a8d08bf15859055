"""lutong verify: one verifier over four databases and all topics. It reads, and never writes."""
