-- The release before counts what its viewers do in the command itself, and new replicas count what is on the topic: also
-- what the release before has said, for both run side by side. So each row knows whether it is counted.

-- An engagement without a row here is the release before's, and counted. What is here already, 0004 took from its outbox.
ALTER TABLE engagement ADD COLUMN counted boolean NOT NULL DEFAULT true;
ALTER TABLE engagement ALTER COLUMN counted SET DEFAULT false;
ALTER TABLE engagement SET (fillfactor = 80);

-- The release before does not name this column when it enters a request, and has counted it.
ALTER TABLE service_request ADD COLUMN counted boolean NOT NULL DEFAULT true;
