-- Whatever is in a record can be set aside: a key of any length, a timestamp that is no date.

-- By a hash of the key: an entry of this index has 2,704 bytes at most. A record whose key was longer could be neither
-- handled nor set aside, and stopped its service. The release before finds its rows without the index, only slower.
DROP INDEX parked_open;
CREATE INDEX parked_open ON parked (topic, sha256(key), id) WHERE state IN ('parked', 'waiting');

-- The record's own timestamp, in milliseconds since 1970, whatever it is. recorded_at stands for it where it is no date.
-- NULL in rows of the releases before: theirs is recorded_at.
ALTER TABLE parked ADD COLUMN timestamp_ms bigint;
