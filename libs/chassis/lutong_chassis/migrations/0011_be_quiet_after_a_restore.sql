-- Since when a service is quiet: it carries nothing to Kafka, lets no deadline fall due, runs no job and consumes nothing until an
-- operator resumes it. `lutong restore` writes the row, with when the backup was made and how many events its Kafka had to be told
-- again. Rows stay: `lutong verify` knows from them that topics began anew.
CREATE TABLE quiet (
    since    timestamptz PRIMARY KEY DEFAULT clock_timestamp(),
    reason   text NOT NULL,
    made_at  timestamptz,
    ended_at timestamptz
);
