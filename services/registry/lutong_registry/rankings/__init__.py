"""Rankings of programs, and who comes back: counted by the day of Asia/Shanghai."""
