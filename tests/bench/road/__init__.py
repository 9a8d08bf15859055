"""The real suite as shipped, through HTTP, from another process: taps, reads and whole roads, beside code by hand."""
