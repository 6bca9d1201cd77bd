package plaudit.peers;

import java.util.Map;
import java.util.Properties;
import org.apache.kafka.clients.consumer.ConsumerConfig;
import org.apache.kafka.clients.producer.ProducerConfig;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.ByteArraySerializer;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.streams.StreamsConfig;
import org.apache.kafka.streams.Topology;
import org.apache.kafka.streams.state.KeyValueStore;
import org.apache.kafka.streams.state.StoreBuilder;
import org.apache.kafka.streams.state.Stores;

/** The Processor API tuned by hand: at-least-once, a large cache, bytes instead of objects, bigger batches. */
public final class TunedPeer {
    static final String CONVERSATIONS = "conversations";
    static final String COUNTERS = "counters";
    static final String FINISHED = "finished";
    static final String COUNTS = "counts";

    private TunedPeer() {}

    public static void main(String[] arguments) throws InterruptedException {
        Progress progress = Peer.progress();
        Peer.run(topology(progress), properties(), progress);
    }

    static Properties properties() {
        Properties properties = Peer.properties();
        properties.put(StreamsConfig.PROCESSING_GUARANTEE_CONFIG, StreamsConfig.AT_LEAST_ONCE);
        properties.put(StreamsConfig.COMMIT_INTERVAL_MS_CONFIG, 5_000);
        properties.put(StreamsConfig.NUM_STREAM_THREADS_CONFIG, 2);
        properties.put(StreamsConfig.STATESTORE_CACHE_MAX_BYTES_CONFIG, 256L << 20);
        properties.put(StreamsConfig.BUFFERED_RECORDS_PER_PARTITION_CONFIG, 4_000);
        properties.put(StreamsConfig.consumerPrefix(ConsumerConfig.MAX_POLL_RECORDS_CONFIG), 4_000);
        properties.put(StreamsConfig.producerPrefix(ProducerConfig.BATCH_SIZE_CONFIG), 256 << 10);
        return properties;
    }

    static Topology topology(Progress progress) {
        ByteArrayDeserializer from = new ByteArrayDeserializer();
        ByteArraySerializer to = new ByteArraySerializer();
        return new Topology()
            .addSource("events", from, from, Peer.required("BENCH_TOPIC"))
            .addProcessor("fold", () -> new FoldProcessor(progress), "events")
            .addStateStore(store(CONVERSATIONS), "fold")
            .addStateStore(store(COUNTERS), "fold")
            .addSink(FINISHED, Peer.required("BENCH_FINISHED"), to, to, "fold")
            .addSink(COUNTS, Peer.required("BENCH_COUNTERS"), to, to, "fold");
    }

    private static StoreBuilder<KeyValueStore<byte[], byte[]>> store(String name) {
        return Stores.keyValueStoreBuilder(Stores.persistentKeyValueStore(name), Serdes.ByteArray(), Serdes.ByteArray())
            .withCachingEnabled()
            .withLoggingEnabled(Map.of());
    }
}
