"""The rules of membership, by subject. Pure: no clock, no database, no ids made here."""
