-- What waits behind a key is taken in order, by this index: not by a walk over all that was ever set aside.
DROP INDEX parked_open;
CREATE INDEX parked_open ON parked (topic, key, id) WHERE state IN ('parked', 'waiting');
