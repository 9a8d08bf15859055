"""The kinds of files, one module each."""
