-- How much of a SKU can be promised, as it was published last; NULL where that is not known, and the next movement publishes it.
ALTER TABLE shelf
    ADD band text,
    ADD CONSTRAINT shelf_band_check CHECK (band IN ('out_of_stock', 'limited_availability', 'in_stock')) NOT VALID;

-- The release before moves shelves, and knows no bands: where it moved one out of its band, that is not known any more.
-- It runs only there; a release that sets the band with the movement never does. It can go once nobody moves shelves without it.
CREATE FUNCTION forget_band() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.band := NULL;
    RETURN NEW;
END
$$;
CREATE TRIGGER shelf_out_of_its_band BEFORE UPDATE OF on_hand, reserved, safety_stock, unavailable ON shelf
    FOR EACH ROW WHEN (NEW.band = OLD.band AND CASE NEW.band
        WHEN 'in_stock' THEN NEW.on_hand - NEW.reserved - NEW.safety_stock - NEW.unavailable <= 5
        WHEN 'limited_availability' THEN NEW.on_hand - NEW.reserved - NEW.safety_stock - NEW.unavailable NOT BETWEEN 1 AND 7
        ELSE NEW.on_hand - NEW.reserved - NEW.safety_stock - NEW.unavailable >= CASE WHEN NEW.reserved > 0 THEN 2 ELSE 1 END
    END)
    EXECUTE FUNCTION forget_band();
