-- What `n` orders leave in four databases when each was requested, held, sourced, fulfilled and captured: five events an order.
-- Each file part is run in the database that it names, without triggers and foreign keys; $1 is the number of orders, $2 of members.
-- service: feed
INSERT INTO service_request (order_id, viewer_id, post_id, program_id, merchant_id, lines, total_minor, currency, status, correlation_id)
SELECT 'o-' || i, 'm-' || i % $2, 'post', 'program', 'merchant', '[]', 2000, 'CNY', 'fulfilled', 'j-' || i
  FROM generate_series(0, $1 - 1) i;
INSERT INTO outbox (shard, event_id, topic, key, type, sequence, correlation_id, payload, written_at)
SELECT 0, gen_random_uuid(), 'lutong.feed.engagements', 'm-' || i % $2, 'lutong.feed.service-requested.v1', i / $2 + 1, 'j-' || i,
       format('{"order_id":"o-%s","pad":"%s"}', i, repeat('x', 300)), now() - interval '1 hour' + i * interval '1 us'
  FROM generate_series(0, $1 - 1) i;
INSERT INTO counter (post_id, fulfilled) SELECT 'post', $1 FROM generate_series(1, least(1, $2));
-- service: membership
INSERT INTO credit_line (member_id, currency, limit_minor, target_minor, owed_minor)
SELECT 'm-' || m, 'CNY', 1000000000, 1000000000, 2000 * (($1 - 1 - m) / $2 + 1) FROM generate_series(0, $2 - 1) m;
INSERT INTO hold (order_id, member_id, merchant_id, agreement_id, amount_minor, total_minor, captured_minor, currency, state)
SELECT 'o-' || i, 'm-' || i % $2, 'merchant', 'a-' || i % $2, 2000, 2000, 2000, 'CNY', 'captured' FROM generate_series(0, $1 - 1) i;
INSERT INTO entry (entry_id, kind, member_id, currency, order_id) OVERRIDING SYSTEM VALUE
SELECT i + 1, 'line_opened', 'm-' || i, 'CNY', NULL FROM generate_series(0, $2 - 1) i
 UNION ALL
SELECT $2 + 1 + 2 * i + k, CASE k WHEN 0 THEN 'hold' ELSE 'capture' END, 'm-' || i % $2, 'CNY', 'o-' || i
  FROM generate_series(0, $1 - 1) i, generate_series(0, 1) k;
INSERT INTO posting (entry_id, account, amount_minor)
SELECT i + 1, account, amount FROM generate_series(0, $2 - 1) i, LATERAL (VALUES ('available:m-' || i, 1000000000), ('platform:limits', -1000000000)) leg (account, amount)
 UNION ALL
SELECT $2 + 1 + 2 * i, account, amount FROM generate_series(0, $1 - 1) i, LATERAL (VALUES ('available:m-' || i % $2, -2000), ('held:m-' || i % $2, 2000)) leg (account, amount)
 UNION ALL
SELECT $2 + 2 + 2 * i, account, amount FROM generate_series(0, $1 - 1) i, LATERAL (VALUES ('held:m-' || i % $2, -2000), ('owed:m-' || i % $2, 2000)) leg (account, amount);
INSERT INTO accrual (accrual_id, agreement_id, kind, at, times, amount_minor, benefit_minor, order_id, effect)
SELECT 'order:o-' || i, 'a-' || i % $2, 'order', now(), 1, 2000, 0, 'o-' || i, 'counted' FROM generate_series(0, $1 - 1) i;
INSERT INTO debt (debt_id, agreement_id, member_id, currency, kind, amount_minor, outstanding_minor, incurred_at)
SELECT 'order:o-' || i, 'a-' || i % $2, 'm-' || i % $2, 'CNY', 'order', 2000, 2000, now() FROM generate_series(0, $1 - 1) i;
INSERT INTO outbox (shard, event_id, topic, key, type, sequence, correlation_id, payload, written_at)
SELECT 0, gen_random_uuid(), 'lutong.membership.holds', 'o-' || i, CASE k WHEN 0 THEN 'lutong.membership.credit-held.v1' ELSE 'lutong.membership.hold-captured.v1' END,
       k + 1, 'j-' || i, format('{"order_id":"o-%s","pad":"%s"}', i, repeat('x', 300)), now() - interval '1 hour' + i * interval '1 us'
  FROM generate_series(0, $1 - 1) i, generate_series(0, least(1, $2)) k;
-- service: inventory
INSERT INTO customer_order (order_id, merchant_id, member_id, post_id, program_id, amount_minor, currency, mode, lines, state, location_id, correlation_id)
SELECT 'o-' || i, 'merchant', 'm-' || i % $2, 'post', 'program', 2000, 'CNY', 'delivery', '[]', 'fulfilled', 'l-' || i % 1000, 'j-' || i
  FROM generate_series(0, $1 - 1) i;
INSERT INTO reservation (order_id, sku, location_id, units, state)
SELECT 'o-' || i, 'tea', 'l-' || i % 1000, 1, 'shipped' FROM generate_series(0, least($1, $1 + $2) - 1) i;
INSERT INTO shelf (location_id, sku, on_hand) SELECT 'l-' || l, 'tea', 1000000000 - (($1 - 1 - l) / 1000 + 1) FROM generate_series(0, least(1000, $1, $1 + $2) - 1) l;
INSERT INTO movement (location_id, sku, kind, on_hand_delta, reserved_delta, order_id)
SELECT 'l-' || l, 'tea', 'counted', 1000000000, 0, NULL FROM generate_series(0, least(1000, $1, $1 + $2) - 1) l;
INSERT INTO movement (location_id, sku, kind, on_hand_delta, reserved_delta, order_id)
SELECT 'l-' || i % 1000, 'tea', CASE k WHEN 0 THEN 'reserved' ELSE 'shipped' END, -k, 1 - 2 * k, 'o-' || i
  FROM generate_series(0, $1 - 1) i, generate_series(0, least(1, $2)) k;
INSERT INTO sourcing_decision (order_id, hop, rules, location_id, considered)
SELECT 'o-' || i, 1, 1, 'l-' || i % 1000, '[]' FROM generate_series(0, least($1, $1 + $2) - 1) i;
INSERT INTO outbox (shard, event_id, topic, key, type, sequence, correlation_id, payload, written_at)
SELECT 0, gen_random_uuid(), 'lutong.inventory.orders', 'o-' || i, CASE k WHEN 0 THEN 'lutong.inventory.order-sourced.v1' ELSE 'lutong.inventory.order-fulfilled.v1' END,
       k + 1, 'j-' || i, format('{"order_id":"o-%s","post_id":"post","program_id":"program","pad":"%s"}', i, repeat('x', 300)), now() - interval '1 hour' + i * interval '1 us'
  FROM generate_series(0, $1 - 1) i, generate_series(0, least(1, $2)) k;
-- service: registry
INSERT INTO usage (program_id, fulfilled) SELECT 'program', $1 FROM generate_series(1, least(1, $2));
