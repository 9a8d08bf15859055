-- A store that could not serve an order is farther away for a while: others are asked first.
ALTER TABLE location ADD lowered_until timestamptz;
