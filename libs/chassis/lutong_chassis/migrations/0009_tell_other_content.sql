-- A hash of an event's type and data: the same id with another hash is a conflict. Older rows have none.
ALTER TABLE inbox ADD COLUMN content bytea;

-- Who sent what was rejected: the whole principal, for several members may share one subject.
ALTER TABLE rejected ADD COLUMN publisher text;
CREATE INDEX rejected_by_publisher ON rejected (publisher, id);
