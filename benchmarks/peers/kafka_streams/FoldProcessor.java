package plaudit.peers;

import java.io.ByteArrayOutputStream;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import org.apache.kafka.streams.processor.PunctuationType;
import org.apache.kafka.streams.processor.api.Processor;
import org.apache.kafka.streams.processor.api.ProcessorContext;
import org.apache.kafka.streams.processor.api.Record;
import org.apache.kafka.streams.state.KeyValueIterator;
import org.apache.kafka.streams.state.KeyValueStore;

/** Folds the events of one partition. It sends finished conversations at once, and counters every second. */
final class FoldProcessor implements Processor<byte[], byte[], byte[], byte[]> {
    private static final int COUNTERS = 7;
    private final Progress progress;
    private ProcessorContext<byte[], byte[]> context;
    private KeyValueStore<byte[], byte[]> conversations;
    private KeyValueStore<byte[], byte[]> counters;
    private boolean counted;

    FoldProcessor(Progress progress) {
        this.progress = progress;
    }

    @Override
    public void init(ProcessorContext<byte[], byte[]> given) {
        context = given;
        conversations = context.getStateStore(TunedPeer.CONVERSATIONS);
        counters = context.getStateStore(TunedPeer.COUNTERS);
        context.schedule(Duration.ofSeconds(1), PunctuationType.WALL_CLOCK_TIME, this::sendCounters);
    }

    @Override
    public void process(Record<byte[], byte[]> record) {
        Event event = new Event(record.value());
        Conversation conversation = new Conversation(conversations.get(record.key()));
        if (conversation.isNew(event)) {
            conversation.add(event);
            if (event.kind == Event.END) {
                finish(record, event, conversation);
            } else {
                conversations.put(record.key(), conversation.bytes());
            }
        }
        progress.count();
    }

    private void finish(Record<byte[], byte[]> record, Event end, Conversation conversation) {
        context.forward(record.withValue(conversation.finished(end)), TunedPeer.FINISHED);
        conversations.delete(record.key());
        byte[] model = conversation.model();
        long[] sums = longs(counters.get(model));
        conversation.addTo(sums);
        counters.put(model, bytes(sums));
        counted = true;
    }

    private void sendCounters(long now) {
        if (!counted) {
            return;
        }
        counted = false;
        try (KeyValueIterator<byte[], byte[]> all = counters.all()) {
            all.forEachRemaining(entry -> {
                // Each partition counts for itself, so the key names it.
                String key = new String(entry.key, StandardCharsets.UTF_8) + "/" + context.taskId().partition();
                byte[] value = record(entry.key, longs(entry.value));
                context.forward(new Record<>(key.getBytes(StandardCharsets.UTF_8), value, now), TunedPeer.COUNTS);
            });
        }
    }

    /** A record in the form of counters.avsc. */
    private static byte[] record(byte[] model, long[] sums) {
        ByteArrayOutputStream out = new ByteArrayOutputStream(64);
        Longs.write(out, model.length);
        out.writeBytes(model);
        for (long sum : sums) {
            Longs.write(out, sum);
        }
        return out.toByteArray();
    }

    private static long[] longs(byte[] stored) {
        long[] sums = new long[COUNTERS];
        if (stored != null) {
            ByteBuffer.wrap(stored).asLongBuffer().get(sums);
        }
        return sums;
    }

    private static byte[] bytes(long[] sums) {
        byte[] stored = new byte[sums.length * Long.BYTES];
        ByteBuffer.wrap(stored).asLongBuffer().put(sums);
        return stored;
    }
}
