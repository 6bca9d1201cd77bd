package plaudit.peers;

import java.util.Properties;
import org.apache.avro.generic.GenericRecord;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.common.utils.Bytes;
import org.apache.kafka.streams.KeyValue;
import org.apache.kafka.streams.StreamsBuilder;
import org.apache.kafka.streams.StreamsConfig;
import org.apache.kafka.streams.Topology;
import org.apache.kafka.streams.kstream.Consumed;
import org.apache.kafka.streams.kstream.Grouped;
import org.apache.kafka.streams.kstream.KStream;
import org.apache.kafka.streams.kstream.Materialized;
import org.apache.kafka.streams.kstream.Produced;
import org.apache.kafka.streams.state.KeyValueStore;

/** The DSL as its documentation shows it: exactly-once v2, RocksDB, generic Avro records. */
public final class DslPeer {
    private DslPeer() {}

    public static void main(String[] arguments) throws Exception {
        Progress progress = Peer.progress();
        Peer.run(topology(Schemas.fromEnvironment(), progress), properties(), progress);
    }

    static Properties properties() {
        Properties properties = Peer.properties();
        properties.put(StreamsConfig.PROCESSING_GUARANTEE_CONFIG, StreamsConfig.EXACTLY_ONCE_V2);
        properties.put(StreamsConfig.COMMIT_INTERVAL_MS_CONFIG, 1_000);
        properties.put(StreamsConfig.NUM_STREAM_THREADS_CONFIG, 2);
        properties.put(StreamsConfig.STATESTORE_CACHE_MAX_BYTES_CONFIG, 256L << 20);
        return properties;
    }

    static Topology topology(Schemas schemas, Progress progress) {
        Fold fold = new Fold(schemas);
        AvroSerde events = new AvroSerde(schemas.event, 5);
        AvroSerde conversations = new AvroSerde(schemas.conversation, 0);
        AvroSerde counters = new AvroSerde(schemas.counters, 0);
        StreamsBuilder builder = new StreamsBuilder();
        KStream<String, GenericRecord> finished = builder
            .stream(Peer.required("BENCH_TOPIC"), Consumed.with(Serdes.String(), events))
            .groupByKey()
            .aggregate(
                fold::newConversation,
                (key, event, conversation) -> {
                    progress.count();
                    return fold.add(event, conversation);
                },
                Materialized.<String, GenericRecord, KeyValueStore<Bytes, byte[]>>as("conversations")
                    .withKeySerde(Serdes.String())
                    .withValueSerde(conversations))
            .toStream()
            .filter((key, conversation) -> Fold.isFinished(conversation));
        finished.to(Peer.required("BENCH_FINISHED"), Produced.with(Serdes.String(), conversations));
        finished
            .map((key, conversation) -> KeyValue.pair(Fold.modelOf(conversation), fold.countersOf(conversation)))
            .groupByKey(Grouped.with(Serdes.String(), counters))
            .reduce(
                Fold::sum,
                Materialized.<String, GenericRecord, KeyValueStore<Bytes, byte[]>>as("counters")
                    .withKeySerde(Serdes.String())
                    .withValueSerde(counters))
            .toStream()
            .to(Peer.required("BENCH_COUNTERS"), Produced.with(Serdes.String(), counters));
        return builder.build();
    }
}
