"""How often programs are used."""
