"""The `lutong` command line: run the suite, watch it, ask it, repair it."""
