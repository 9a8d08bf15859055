"""Inputs that broke other projects, by kind: what each one has to give here."""
