// Watermill as its documentation shows it: a router, one message, one transaction with the outbox row that the SQL
// publisher writes, and the forwarder that carries it to Kafka.
//
// Loses nothing that was committed. It has no inbox: what is delivered again is for the handler to notice, which here
// does so by the primary key; what is forwarded again is there twice. The order of a key is that of the commits.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"log"

	"github.com/IBM/sarama"
	"github.com/ThreeDotsLabs/watermill"
	"github.com/ThreeDotsLabs/watermill-kafka/v3/pkg/kafka"
	"github.com/ThreeDotsLabs/watermill-sql/v4/pkg/sql"
	"github.com/ThreeDotsLabs/watermill/components/forwarder"
	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"lutong.bench/peers/chain"
)

const (
	outbox          = "outgoing"
	partitionKey    = "partition_key"
	uniqueViolation = "23505"
)

var logger = watermill.NewStdLogger(false, false)

func main() {
	ctx, here := context.Background(), chain.Here()
	pool := must(pgxpool.New(ctx, here.Database))
	go func() { log.Fatal(must(forwarding(here, pool)).Run(ctx)) }()
	log.Fatal(must(routing(here, pool)).Run(ctx))
}

// routing has a handler for each topic of the service, with a consumer group of its own.
func routing(here chain.Surroundings, pool *pgxpool.Pool) (*message.Router, error) {
	router, err := message.NewRouter(message.RouterConfig{}, logger)
	if err != nil {
		return nil, err
	}
	for from, hop := range chain.Of(here.Service) {
		config := kafka.DefaultSaramaSubscriberConfig()
		config.Version = sarama.V2_8_0_0 // newer than its default, 1.0: Kafka 4 has dropped old requests
		config.Consumer.Offsets.Initial = sarama.OffsetOldest
		subscriber, err := kafka.NewSubscriber(kafka.SubscriberConfig{
			Brokers:               []string{here.Bootstrap},
			Unmarshaler:           kafka.DefaultMarshaler{},
			OverwriteSaramaConfig: config,
			ConsumerGroup:         here.Service + "-" + from + "-" + here.Suffix,
		}, logger)
		if err != nil {
			return nil, err
		}
		step, to := hop.Step, here.Topic(hop.To)
		router.AddNoPublisherHandler(from, here.Topic(from), subscriber, func(msg *message.Message) error {
			err := pgx.BeginFunc(msg.Context(), pool, func(tx pgx.Tx) error { return handle(msg, tx, step, to) })
			if refused := new(pgconn.PgError); errors.As(err, &refused) && refused.Code == uniqueViolation {
				return nil // delivered again: step and outbox row are there since the first time
			}
			return err
		})
	}
	return router, nil
}

// handle is one order: the step and its event, in one transaction.
func handle(msg *message.Message, tx pgx.Tx, step chain.Step, to string) error {
	var order chain.Order
	if err := json.Unmarshal(msg.Payload, &order); err != nil {
		return err
	}
	done, err := step(msg.Context(), tx, []chain.Order{order})
	if err != nil || len(done) == 0 {
		return err
	}
	rows, err := sql.NewPublisher(sql.TxFromPgx(tx), sql.PublisherConfig{SchemaAdapter: sql.DefaultPostgreSQLSchema{}}, logger)
	if err != nil {
		return err
	}
	event := message.NewMessage(watermill.NewUUID(), msg.Payload)
	event.Metadata.Set(partitionKey, order.OrderID)
	return forwarder.NewPublisher(rows, forwarder.PublisherConfig{ForwarderTopic: outbox}).Publish(to, event)
}

// forwarding takes rows of the outbox and publishes them to Kafka, one after the other.
func forwarding(here chain.Surroundings, pool *pgxpool.Pool) (*forwarder.Forwarder, error) {
	rows, err := sql.NewSubscriber(sql.BeginnerFromPgx(pool), sql.SubscriberConfig{
		SchemaAdapter:    sql.DefaultPostgreSQLSchema{},
		OffsetsAdapter:   sql.DefaultPostgreSQLOffsetsAdapter{},
		InitializeSchema: true,
	}, logger)
	if err != nil {
		return nil, err
	}
	if err := rows.SubscribeInitialize(outbox); err != nil {
		return nil, err
	}
	config := kafka.DefaultSaramaSyncPublisherConfig()
	config.Version = sarama.V2_8_0_0
	config.Producer.RequiredAcks = sarama.WaitForAll
	publisher, err := kafka.NewPublisher(kafka.PublisherConfig{
		Brokers:               []string{here.Bootstrap},
		Marshaler:             kafka.NewWithPartitioningMarshaler(keyOf),
		OverwriteSaramaConfig: config,
	}, logger)
	if err != nil {
		return nil, err
	}
	return forwarder.NewForwarder(rows, publisher, logger, forwarder.Config{ForwarderTopic: outbox})
}

func keyOf(_ string, msg *message.Message) (string, error) {
	return msg.Metadata.Get(partitionKey), nil
}

func must[T any](value T, err error) T {
	if err != nil {
		log.Fatal(err)
	}
	return value
}
