-- What a merchant offers is listed by merchant, page by page.
CREATE INDEX plan_by_merchant ON plan (merchant_id, plan_id);
CREATE INDEX coupon_stock_by_merchant ON coupon_stock (merchant_id, stock_id);
