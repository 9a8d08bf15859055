import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.PropertyNamingStrategies;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.Map;
import java.util.Properties;
import org.apache.kafka.clients.consumer.ConsumerConfig;
import org.apache.kafka.common.serialization.Serde;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.streams.KafkaStreams;
import org.apache.kafka.streams.StreamsBuilder;
import org.apache.kafka.streams.StreamsConfig;
import org.apache.kafka.streams.Topology;
import org.apache.kafka.streams.kstream.Consumed;
import org.apache.kafka.streams.kstream.KStream;
import org.apache.kafka.streams.kstream.KeyValueMapper;
import org.apache.kafka.streams.kstream.Produced;
import org.apache.kafka.streams.kstream.Repartitioned;
import org.apache.kafka.streams.processor.api.ContextualProcessor;
import org.apache.kafka.streams.processor.api.ProcessorContext;
import org.apache.kafka.streams.processor.api.Record;
import org.apache.kafka.streams.state.KeyValueStore;
import org.apache.kafka.streams.state.StoreBuilder;
import org.apache.kafka.streams.state.Stores;

/**
 * The order chain as an application of Kafka Streams with exactly_once_v2: what was read, what changed in the stores and
 * what is published are one transaction of Kafka. State is in stores beside the process and in their changelog topics, not in
 * PostgreSQL. Rules need all of a member (or of a good) in one place, so each hop goes through a repartition topic.
 *
 * Killed anywhere, it loses and doubles nothing for readers with read_committed; the order of a key is kept. What it does
 * outside of Kafka has no part in that.
 */
public final class Chain {
    private static final long LIMIT_MINOR = 1_000_000_000L;
    private static final long UNITS = 100_000_000L;
    private static final int PARTITIONS = 12;
    private static final String ACCOUNT = "account", HOLD = "hold", SHELF = "shelf", RESERVATION = "reservation";
    private static final ObjectMapper MAPPER =
        new ObjectMapper().setPropertyNamingStrategy(PropertyNamingStrategies.SNAKE_CASE);
    private static final Serde<String> TEXT = Serdes.String();
    private static final Serde<Order> ORDERS = json(Order.class);

    /** An order as it travels: the same fields on every hop. */
    record Order(String orderId, String memberId, String sku, int units, long amountMinor, double placedAt) {}

    record Account(long limitMinor, long heldMinor, long owedMinor) {
        Account move(long held, long owed) {
            return new Account(limitMinor, heldMinor + held, owedMinor + owed);
        }
    }

    record Held(String memberId, long amountMinor, String state, double placedAt, long heldAtMs) {}

    record Shelf(long onHand, long reserved) {}

    record Reservation(String sku, int units) {}

    /** A step that reads and writes accounts and holds. */
    abstract static class OnCredit extends ContextualProcessor<String, Order, String, Order> {
        KeyValueStore<String, Account> accounts;
        KeyValueStore<String, Held> holds;

        @Override
        public void init(ProcessorContext<String, Order> context) {
            super.init(context);
            accounts = context.getStateStore(ACCOUNT);
            holds = context.getStateStore(HOLD);
        }
    }

    /** Hold each order's amount on its member's account; an account opens with the limit that all have. */
    static final class Hold extends OnCredit {
        @Override
        public void process(Record<String, Order> record) {
            Order order = record.value();
            Account known = accounts.get(order.memberId());
            Account account = known == null ? new Account(LIMIT_MINOR, 0, 0) : known;
            if (account.limitMinor() - account.heldMinor() - account.owedMinor() < order.amountMinor()) {
                return;
            }
            long now = System.currentTimeMillis();
            Held hold = new Held(order.memberId(), order.amountMinor(), "held", order.placedAt(), now);
            if (holds.putIfAbsent(order.orderId(), hold) != null) {
                return;
            }
            accounts.put(order.memberId(), account.move(order.amountMinor(), 0));
            context().forward(record.withKey(order.orderId()).withTimestamp(now));
        }
    }

    /** Turn what is held for each order into what is owed. The record tells when the hold was made and when it ended. */
    static final class Capture extends OnCredit {
        @Override
        public void process(Record<String, Order> record) {
            Order order = record.value();
            Held hold = holds.get(order.orderId());
            if (hold == null || !hold.state().equals("held")) {
                return;
            }
            holds.put(order.orderId(),
                new Held(hold.memberId(), hold.amountMinor(), "captured", hold.placedAt(), hold.heldAtMs()));
            Account account = accounts.get(hold.memberId());
            accounts.put(hold.memberId(), account.move(-hold.amountMinor(), hold.amountMinor()));
            byte[] heldAt = Long.toString(hold.heldAtMs()).getBytes(StandardCharsets.US_ASCII);
            record.headers().add("held_at_ms", heldAt);
            context().forward(record.withKey(order.orderId()).withTimestamp(System.currentTimeMillis()));
        }
    }

    /** Reserve each order's units; a shelf opens with what all have. */
    static final class Reserve extends ContextualProcessor<String, Order, String, Order> {
        private KeyValueStore<String, Shelf> shelves;
        private KeyValueStore<String, Reservation> reservations;

        @Override
        public void init(ProcessorContext<String, Order> context) {
            super.init(context);
            shelves = context.getStateStore(SHELF);
            reservations = context.getStateStore(RESERVATION);
        }

        @Override
        public void process(Record<String, Order> record) {
            Order order = record.value();
            Shelf known = shelves.get(order.sku());
            Shelf shelf = known == null ? new Shelf(UNITS, 0) : known;
            if (shelf.onHand() - shelf.reserved() < order.units()) {
                return;
            }
            if (reservations.putIfAbsent(order.orderId(), new Reservation(order.sku(), order.units())) != null) {
                return;
            }
            shelves.put(order.sku(), new Shelf(shelf.onHand(), shelf.reserved() + order.units()));
            context().forward(record.withKey(order.orderId()).withTimestamp(System.currentTimeMillis()));
        }
    }

    static Topology credit(String suffix) {
        StreamsBuilder builder = new StreamsBuilder()
            .addStateStore(store(ACCOUNT, Account.class))
            .addStateStore(store(HOLD, Held.class));
        by(builder, topic("placed", suffix), "placed-by-member", (id, order) -> order.memberId())
            .process(Hold::new, ACCOUNT, HOLD)
            .to(topic("held", suffix), Produced.with(TEXT, ORDERS));
        by(builder, topic("reserved", suffix), "reserved-by-member", (id, order) -> order.memberId())
            .process(Capture::new, ACCOUNT, HOLD)
            .to(topic("captured", suffix), Produced.with(TEXT, ORDERS));
        return builder.build();
    }

    static Topology stock(String suffix) {
        StreamsBuilder builder = new StreamsBuilder()
            .addStateStore(store(SHELF, Shelf.class))
            .addStateStore(store(RESERVATION, Reservation.class));
        by(builder, topic("held", suffix), "held-by-sku", (id, order) -> order.sku())
            .process(Reserve::new, SHELF, RESERVATION)
            .to(topic("reserved", suffix), Produced.with(TEXT, ORDERS));
        return builder.build();
    }

    private static KStream<String, Order> by(
        StreamsBuilder builder, String topic, String name, KeyValueMapper<String, Order, String> key) {
        return builder.stream(topic, Consumed.with(TEXT, ORDERS))
            .selectKey(key)
            .repartition(Repartitioned.with(TEXT, ORDERS).withName(name).withNumberOfPartitions(PARTITIONS));
    }

    private static String topic(String name, String suffix) {
        return "lutong.bench." + name + "-" + suffix;
    }

    private static <T> StoreBuilder<KeyValueStore<String, T>> store(String name, Class<T> type) {
        return Stores.keyValueStoreBuilder(Stores.persistentKeyValueStore(name), TEXT, json(type));
    }

    private static <T> Serde<T> json(Class<T> type) {
        return Serdes.serdeFrom(
            (topic, value) -> {
                try {
                    return value == null ? null : MAPPER.writeValueAsBytes(value);
                } catch (IOException error) {
                    throw new UncheckedIOException(error);
                }
            },
            (topic, bytes) -> {
                try {
                    return bytes == null ? null : MAPPER.readValue(bytes, type);
                } catch (IOException error) {
                    throw new UncheckedIOException(error);
                }
            });
    }

    public static void main(String[] arguments) {
        Map<String, String> here = System.getenv();
        String service = arguments[0], suffix = here.get("BENCH");
        Properties settings = new Properties();
        settings.put(StreamsConfig.APPLICATION_ID_CONFIG, "bench-" + service + "-" + suffix);
        settings.put(StreamsConfig.BOOTSTRAP_SERVERS_CONFIG, here.get("LUTONG_KAFKA_BOOTSTRAP"));
        settings.put(StreamsConfig.PROCESSING_GUARANTEE_CONFIG, StreamsConfig.EXACTLY_ONCE_V2);
        settings.put(StreamsConfig.STATE_DIR_CONFIG, here.get("BENCH_STATE"));
        settings.put(ConsumerConfig.SESSION_TIMEOUT_MS_CONFIG, 10_000); // as the other ways: it decides when a killed one is missed
        KafkaStreams streams = new KafkaStreams(service.equals("credit") ? credit(suffix) : stock(suffix), settings);
        streams.setStateListener((now, before) -> {
            if (now == KafkaStreams.State.ERROR) {
                Runtime.getRuntime().halt(1);
            }
        });
        Runtime.getRuntime().addShutdownHook(new Thread(streams::close));
        streams.start();
    }
}
