-- Why a location lost an order that it was given, and when: what it declined is looked up by time, and counted by store.
ALTER TABLE sourcing_decision
    ADD left_for text,
    ADD left_at  timestamptz;
CREATE INDEX decision_left ON sourcing_decision (left_at) WHERE left_at IS NOT NULL;

-- The last three days of declines were kept in the outbox only.
UPDATE sourcing_decision AS decision
   SET left_for = declined.reason, left_at = declined.at
  FROM (SELECT event ->> 'order_id' AS order_id, event ->> 'location_id' AS code, event ->> 'reason' AS reason, written_at AS at
          FROM outbox CROSS JOIN LATERAL (SELECT payload::json AS event) AS published
         WHERE type = 'lutong.inventory.location-declined.v1' AND written_at >= now() - interval '72 hours') AS declined
 WHERE decision.order_id = declined.order_id
   AND regexp_replace(decision.location_id, '^.*:', '') = declined.code;

-- When goods were with their member: delivered, or ready to be picked up. And a merchant's orders, by time.
ALTER TABLE customer_order ADD arrived_at timestamptz;
CREATE INDEX order_in_time ON customer_order (merchant_id, created_at);
