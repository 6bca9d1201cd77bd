package plaudit.peers;

import java.io.ByteArrayOutputStream;
import java.nio.ByteBuffer;
import java.util.Arrays;

/**
 * The state of a conversation as one byte array: sums, the model, the messages and the feedback.
 *
 * <p>Messages and feedback are kept as blocks of Avro arrays, so that an event's bytes are taken over as they are.
 */
final class Conversation {
    private static final int SEQUENCE = 0;
    private static final int STARTED = 8;
    private static final int MESSAGES = 16;
    private static final int ANSWERS = 24;
    private static final int LATENCY = 32;
    private static final int FEEDBACK = 40;
    private static final int LIKES = 48;
    private static final int DISLIKES = 56;
    private static final int MODEL_LENGTH = 64;
    private static final int MESSAGES_LENGTH = 68;
    private static final int SUMS_LENGTH = 72;
    private static final byte BLOCK_OF_ONE = 2;

    private byte[] bytes;
    private ByteBuffer sums;

    /** Go on from a state, or, if it is null, from an empty one with the model null. */
    Conversation(byte[] stored) {
        take(stored == null ? empty() : stored);
    }

    private static byte[] empty() {
        byte[] made = new byte[SUMS_LENGTH + 1];
        ByteBuffer.wrap(made).putLong(SEQUENCE, -1).putInt(MODEL_LENGTH, 1);
        return made;
    }

    private void take(byte[] made) {
        bytes = made;
        sums = ByteBuffer.wrap(made);
    }

    byte[] bytes() {
        return bytes;
    }

    /** Whether the event is not yet part of this state. At-least-once may bring it twice. */
    boolean isNew(Event event) {
        return event.sequence > sums.getLong(SEQUENCE);
    }

    void add(Event event) {
        switch (event.kind) {
            case Event.START -> start(event);
            case Event.ADD_MESSAGE -> addMessage(event);
            case Event.UPDATE_MESSAGE -> addFeedback(event);
            default -> take(bytes.clone()); // the store's own array must not change
        }
        if (event.sequence != Long.MAX_VALUE) {
            sums.putLong(SEQUENCE, event.sequence);
        }
    }

    private void start(Event event) {
        int modelTo = event.modelTo();
        insert(SUMS_LENGTH, sums.getInt(MODEL_LENGTH), event.bytes, event.bodyFrom, modelTo, false);
        sums.putInt(MODEL_LENGTH, modelTo - event.bodyFrom);
        sums.putLong(STARTED, event.occurredAt);
    }

    private void addMessage(Event event) {
        insert(messagesTo(), 0, event.bytes, event.bodyFrom, event.bytes.length, true);
        sums.putInt(MESSAGES_LENGTH, sums.getInt(MESSAGES_LENGTH) + 1 + event.bytes.length - event.bodyFrom);
        increase(MESSAGES, 1);
        long latency = event.answerLatency();
        if (latency >= 0) {
            increase(ANSWERS, 1);
            increase(LATENCY, latency);
        }
    }

    private void addFeedback(Event event) {
        insert(bytes.length, 0, event.bytes, event.bodyFrom, event.bytes.length, true);
        increase(FEEDBACK, 1);
        int thumb = event.thumb();
        increase(LIKES, thumb > 0 ? 1 : 0);
        increase(DISLIKES, thumb < 0 ? 1 : 0);
    }

    /** Replace `old` bytes at a place by a part of another array, as a block of one item if wanted. */
    private void insert(int place, int old, byte[] source, int from, int to, boolean block) {
        int added = to - from + (block ? 1 : 0);
        byte[] made = new byte[bytes.length - old + added];
        System.arraycopy(bytes, 0, made, 0, place);
        if (block) {
            made[place] = BLOCK_OF_ONE;
        }
        System.arraycopy(source, from, made, place + added - (to - from), to - from);
        System.arraycopy(bytes, place + old, made, place + added, bytes.length - place - old);
        take(made);
    }

    private int messagesFrom() {
        return SUMS_LENGTH + sums.getInt(MODEL_LENGTH);
    }

    private int messagesTo() {
        return messagesFrom() + sums.getInt(MESSAGES_LENGTH);
    }

    private void increase(int place, long by) {
        sums.putLong(place, sums.getLong(place) + by);
    }

    /** The name of the model; empty if there is none. */
    byte[] model() {
        Cursor cursor = new Cursor(bytes, SUMS_LENGTH);
        if (cursor.readBranch() == 0) {
            return new byte[0];
        }
        int from = cursor.skipString();
        return Arrays.copyOfRange(bytes, from, cursor.at);
    }

    /** Add one conversation to the counters of its model, in the order of counters.avsc. */
    void addTo(long[] counters) {
        counters[0] += 1;
        counters[1] += sums.getLong(MESSAGES);
        counters[2] += sums.getLong(ANSWERS);
        counters[3] += sums.getLong(LATENCY);
        counters[4] += sums.getLong(FEEDBACK);
        counters[5] += sums.getLong(LIKES);
        counters[6] += sums.getLong(DISLIKES);
    }

    /** The finished record, in the form of conversation.avsc. */
    byte[] finished(Event end) {
        ByteArrayOutputStream out = new ByteArrayOutputStream(bytes.length + 128);
        out.write(end.bytes, end.idsFrom, end.idsTo - end.idsFrom);
        out.write(bytes, SUMS_LENGTH, sums.getInt(MODEL_LENGTH));
        Longs.write(out, sums.getLong(STARTED));
        out.write(2); // ended_at is not null
        Longs.write(out, end.occurredAt);
        Longs.write(out, end.endReason());
        for (int place : new int[] {ANSWERS, LATENCY, LIKES, DISLIKES}) {
            Longs.write(out, sums.getLong(place));
        }
        out.write(bytes, messagesFrom(), messagesTo() - messagesFrom());
        out.write(0);
        out.write(bytes, messagesTo(), bytes.length - messagesTo());
        out.write(0);
        return out.toByteArray();
    }
}
