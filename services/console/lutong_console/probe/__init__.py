"""The probe: a synthetic journey through all services, as a reader and a merchant make one, again and again."""
