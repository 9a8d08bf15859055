"""Real Kafka and real PostgreSQL from wheels, and the whole suite on them: no Docker, no Java, no root."""
