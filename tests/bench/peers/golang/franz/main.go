// Franz: franz-go and pgx by hand, in batches. One poll is one transaction with inbox, state and outbox rows.
//
// Killed anywhere, it loses and doubles nothing. As the floor in Python: a bad record stops it, and a second replica
// would break the order of keys.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"log"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/twmb/franz-go/pkg/kgo"

	"lutong.bench/peers/chain"
)

const (
	pollMax  = 500
	relayMax = 1000
)

const insertInbox = `
	INSERT INTO inbox (source, id) SELECT * FROM unnest($1::text[], $2::text[]) ON CONFLICT DO NOTHING RETURNING id`

const insertOutbox = `
	INSERT INTO outbox (event_id, topic, key, type, correlation_id, causation_id, payload)
	SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[])`

const pending = `
	SELECT id, event_id, topic, key, type, correlation_id, causation_id, payload, written_at
	  FROM outbox WHERE published_at IS NULL ORDER BY id LIMIT $1`

const markPublished = `UPDATE outbox SET published_at = now() WHERE id = ANY ($1)`

// service is what both loops need. `wake` tells the relay that something was written.
type service struct {
	chain.Surroundings
	pool  *pgxpool.Pool
	kafka *kgo.Client
	hops  map[string]chain.Hop
	wake  chan struct{}
}

// received is a record of Kafka, and what its headers have.
type received struct {
	topic, source, id, correlation string
	value                          []byte
}

func main() {
	ctx, here := context.Background(), chain.Here()
	pool, err := pgxpool.New(ctx, here.Database)
	if err != nil {
		log.Fatal(err)
	}
	hops := map[string]chain.Hop{}
	var topics []string
	for from, hop := range chain.Of(here.Service) {
		topics = append(topics, here.Topic(from))
		hops[here.Topic(from)] = chain.Hop{Step: hop.Step, To: here.Topic(hop.To)}
	}
	kafka, err := kgo.NewClient(
		kgo.SeedBrokers(here.Bootstrap),
		kgo.ConsumerGroup(here.Service+"-"+here.Suffix),
		kgo.ConsumeTopics(topics...),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()),
		kgo.DisableAutoCommit(),
		kgo.RequiredAcks(kgo.AllISRAcks()),
		kgo.ProducerBatchCompression(kgo.Lz4Compression()),
		kgo.ProducerLinger(0),
		kgo.SessionTimeout(10*time.Second), // as the other ways: it decides when a killed one is missed
	)
	if err != nil {
		log.Fatal(err)
	}
	mine := &service{here, pool, kafka, hops, make(chan struct{}, 1)}
	go func() { log.Fatal(mine.relay(ctx)) }()
	log.Fatal(mine.consume(ctx))
}

// consume polls; one transaction per poll, then the offsets.
func (s *service) consume(ctx context.Context) error {
	for {
		fetches := s.kafka.PollRecords(ctx, pollMax)
		if err := fetches.Err(); err != nil {
			return fmt.Errorf("poll: %w", err)
		}
		records := fetches.Records()
		if len(records) == 0 {
			continue
		}
		err := pgx.BeginFunc(ctx, s.pool, func(tx pgx.Tx) error { return s.handle(ctx, tx, records) })
		if err != nil {
			return fmt.Errorf("handle: %w", err)
		}
		select {
		case s.wake <- struct{}{}:
		default: // it knows already
		}
		if err := s.kafka.CommitRecords(ctx, records...); err != nil {
			return fmt.Errorf("commit offsets: %w", err)
		}
	}
}

// handle has the inbox forget what was seen before, and each topic's step decide over what is new.
func (s *service) handle(ctx context.Context, tx pgx.Tx, records []*kgo.Record) error {
	batch := chain.Column(records, read)
	rows, err := tx.Query(ctx, insertInbox,
		chain.Column(batch, func(one received) string { return one.source }),
		chain.Column(batch, func(one received) string { return one.id }))
	if err != nil {
		return err
	}
	fresh := map[string]bool{}
	var id string
	if _, err := pgx.ForEachRow(rows, []any{&id}, func() error { fresh[id] = true; return nil }); err != nil {
		return err
	}
	for topic, hop := range s.hops {
		causes := map[string]received{}
		var orders []chain.Order
		for _, one := range batch {
			if one.topic != topic || !fresh[one.id] {
				continue
			}
			var order chain.Order
			if err := json.Unmarshal(one.value, &order); err != nil {
				return err
			}
			orders = append(orders, order)
			causes[order.OrderID] = one
		}
		if len(orders) == 0 {
			continue
		}
		done, err := hop.Step(ctx, tx, orders)
		if err != nil {
			return err
		}
		if err := publish(ctx, tx, hop.To, done, causes); err != nil {
			return err
		}
	}
	return nil
}

// publish writes outbox rows.
func publish(ctx context.Context, tx pgx.Tx, topic string, orders []chain.Order, causes map[string]received) error {
	count := len(orders)
	ids, topics, keys, types := make([]string, count), make([]string, count), make([]string, count), make([]string, count)
	correlations, causations, payloads := make([]string, count), make([]string, count), make([]string, count)
	for n, order := range orders {
		id, err := uuid.NewV7()
		if err != nil {
			return err
		}
		payload, err := json.Marshal(order)
		if err != nil {
			return err
		}
		cause := causes[order.OrderID]
		ids[n], topics[n], keys[n], types[n] = id.String(), topic, order.OrderID, topic+".v1"
		correlations[n], causations[n], payloads[n] = cause.correlation, cause.id, string(payload)
	}
	_, err := tx.Exec(ctx, insertOutbox, ids, topics, keys, types, correlations, causations, payloads)
	return err
}

// relay carries pending rows by id, and marks them when all are acknowledged.
func (s *service) relay(ctx context.Context) error {
	for {
		ids, records, err := s.pending(ctx)
		if err != nil {
			return fmt.Errorf("pending: %w", err)
		}
		if len(ids) > 0 {
			if err := s.kafka.ProduceSync(ctx, records...).FirstErr(); err != nil {
				return fmt.Errorf("produce: %w", err)
			}
			if _, err := s.pool.Exec(ctx, markPublished, ids); err != nil {
				return fmt.Errorf("mark: %w", err)
			}
		}
		if len(ids) < relayMax {
			select {
			case <-s.wake:
			case <-time.After(100 * time.Millisecond):
			}
		}
	}
}

func (s *service) pending(ctx context.Context) ([]int64, []*kgo.Record, error) {
	rows, err := s.pool.Query(ctx, pending, relayMax)
	if err != nil {
		return nil, nil, err
	}
	var ids []int64
	var records []*kgo.Record
	var id int64
	var event, topic, key, kind, correlation, causation, payload string
	var at time.Time
	into := []any{&id, &event, &topic, &key, &kind, &correlation, &causation, &payload, &at}
	_, err = pgx.ForEachRow(rows, into, func() error {
		ids = append(ids, id)
		records = append(records, &kgo.Record{Topic: topic, Key: []byte(key), Value: []byte(payload), Headers: []kgo.RecordHeader{
			{Key: "content-type", Value: []byte("application/json")},
			{Key: "ce_specversion", Value: []byte("1.0")},
			{Key: "ce_id", Value: []byte(event)},
			{Key: "ce_source", Value: []byte("/franz/" + s.Service)},
			{Key: "ce_type", Value: []byte(kind)},
			{Key: "ce_time", Value: []byte(at.UTC().Format(time.RFC3339Nano))},
			{Key: "ce_partitionkey", Value: []byte(key)},
			{Key: "ce_correlationid", Value: []byte(correlation)},
			{Key: "ce_causationid", Value: []byte(causation)},
		}})
		return nil
	})
	return ids, records, err
}

// read finds the headers of the envelope.
func read(record *kgo.Record) received {
	one := received{topic: record.Topic, value: record.Value}
	for _, header := range record.Headers {
		switch header.Key {
		case "ce_source":
			one.source = string(header.Value)
		case "ce_id":
			one.id = string(header.Value)
		case "ce_correlationid":
			one.correlation = string(header.Value)
		}
	}
	return one
}
