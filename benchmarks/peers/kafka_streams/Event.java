package plaudit.peers;

/** One event in Confluent's wire form, read by hand in the order of conversation_event.avsc. */
final class Event {
    static final int START = 0;
    static final int ADD_MESSAGE = 2;
    static final int UPDATE_MESSAGE = 3;
    static final int END = 5;
    private static final int HEADER = 5;
    private static final int ASSISTANT = 3;
    private static final int THUMB = 1;

    final byte[] bytes;
    /** Application and conversation, with their lengths, as they stand in the event. */
    final int idsFrom;
    final int idsTo;
    final long occurredAt;
    final long sequence;
    final int kind;
    /** Where the body's fields begin. They are the rest of the event. */
    final int bodyFrom;

    Event(byte[] bytes) {
        this.bytes = bytes;
        Cursor cursor = new Cursor(bytes, HEADER);
        cursor.readOptionalLong(0); // held_ms
        cursor.skipString(); // event_id
        idsFrom = cursor.at;
        cursor.skipString();
        cursor.skipString();
        idsTo = cursor.at;
        occurredAt = cursor.readLong();
        cursor.skipOptionalString(); // producer
        sequence = cursor.readOptionalLong(Long.MAX_VALUE);
        cursor.readLong(); // source
        kind = (int) cursor.readLong();
        bodyFrom = cursor.at;
    }

    /** Where the model of a start ends, which begins the body; it includes the union's index. */
    int modelTo() {
        Cursor cursor = new Cursor(bytes, bodyFrom);
        skipOptionalModel(cursor);
        return cursor.at;
    }

    /** The milliseconds that an assistant's message took; 0 if nobody measured them, -1 for other roles. */
    long answerLatency() {
        Cursor cursor = new Cursor(bytes, bodyFrom);
        cursor.skipString(); // message_id
        cursor.skipOptionalString(); // parent_id
        if (cursor.readLong() != ASSISTANT) {
            return -1;
        }
        cursor.skipString(); // content
        cursor.skipOptionalString(); // reasoning
        cursor.skipBlocks(() -> { // tool_calls
            cursor.skipString();
            cursor.skipString();
            cursor.skipString();
        });
        cursor.skipOptionalString(); // tool_call_id
        cursor.skipBlocks(() -> { // attachments
            cursor.skipString();
            cursor.skipOptionalString();
        });
        skipOptionalModel(cursor);
        cursor.skipMap(); // variants
        if (cursor.readBranch() == 1) { // prompt
            cursor.skipString();
            cursor.skipOptionalString();
        }
        cursor.skipOptionalString(); // tools
        cursor.skipOptionalString(); // parameters
        return cursor.readOptionalLong(0);
    }

    /** Of a feedback: 1 for a like, -1 for a dislike, 0 for anything else. */
    int thumb() {
        Cursor cursor = new Cursor(bytes, bodyFrom);
        cursor.skipOptionalString(); // message_id
        cursor.skipString(); // id
        cursor.skipOptionalString(); // rater
        cursor.readLong();
        cursor.skipOptionalString();
        cursor.skipString(); // aspect
        cursor.readLong(); // kind
        cursor.skipOptionalString(); // signal
        if (cursor.readBranch() != THUMB) {
            return 0;
        }
        return cursor.readBoolean() ? 1 : -1;
    }

    /** The reason of an end: the index of its enum. */
    long endReason() {
        return new Cursor(bytes, bodyFrom).readLong();
    }

    private static void skipOptionalModel(Cursor cursor) {
        if (cursor.readBranch() == 1) {
            cursor.skipString();
            cursor.skipOptionalString();
            cursor.skipMap();
        }
    }
}
