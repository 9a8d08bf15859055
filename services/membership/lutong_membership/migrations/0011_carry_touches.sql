-- The item of the feed that led to an order, as its request states it; what the release before takes in has none.
ALTER TABLE hold ADD COLUMN touch text;
