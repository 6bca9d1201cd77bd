package plaudit.peers;

import java.util.ArrayList;
import java.util.List;
import org.apache.avro.Schema;
import org.apache.avro.generic.GenericData;
import org.apache.avro.generic.GenericRecord;

/** Folds events into a conversation, and conversations into a model's counters, as generic records. */
final class Fold {
    private static final String[] SUMS = {
        "conversations", "messages", "answers", "latency_ms", "feedback", "likes", "dislikes",
    };
    private final Schemas schemas;

    Fold(Schemas schemas) {
        this.schemas = schemas;
    }

    GenericRecord newConversation() {
        GenericRecord conversation = new GenericData.Record(schemas.conversation);
        Schema reasons = schemas.conversation.getField("end_reason").schema();
        conversation.put("end_reason", new GenericData.EnumSymbol(reasons, "unknown"));
        for (String sum : new String[] {"started_at", "answers", "latency_ms", "likes", "dislikes"}) {
            conversation.put(sum, 0L);
        }
        conversation.put("messages", new ArrayList<GenericRecord>());
        conversation.put("feedback", new ArrayList<GenericRecord>());
        return conversation;
    }

    GenericRecord add(GenericRecord event, GenericRecord conversation) {
        GenericRecord body = (GenericRecord) event.get("body");
        switch (body.getSchema().getName()) {
            case "StartConversation" -> {
                conversation.put("application", event.get("application"));
                conversation.put("conversation_id", event.get("conversation_id"));
                conversation.put("model", body.get("model"));
                conversation.put("started_at", event.get("occurred_at"));
            }
            case "AddMessage" -> addMessage(body, conversation);
            case "UpdateMessage" -> addFeedback(body, conversation);
            case "EndConversation" -> {
                conversation.put("ended_at", event.get("occurred_at"));
                conversation.put("end_reason", body.get("reason"));
            }
            default -> { }
        }
        return conversation;
    }

    private static void addMessage(GenericRecord message, GenericRecord conversation) {
        records(conversation, "messages").add(message);
        if (message.get("role").toString().equals("assistant")) {
            increase(conversation, "answers", 1);
            Object latency = message.get("latency_ms");
            increase(conversation, "latency_ms", latency == null ? 0 : (Long) latency);
        }
    }

    private static void addFeedback(GenericRecord update, GenericRecord conversation) {
        records(conversation, "feedback").add(update);
        GenericRecord value = (GenericRecord) ((GenericRecord) update.get("feedback")).get("value");
        if (value != null && value.getSchema().getName().equals("Thumb")) {
            increase(conversation, (Boolean) value.get("like") ? "likes" : "dislikes", 1);
        }
    }

    static boolean isFinished(GenericRecord conversation) {
        return conversation.get("ended_at") != null;
    }

    static String modelOf(GenericRecord conversation) {
        GenericRecord model = (GenericRecord) conversation.get("model");
        return model == null ? "" : model.get("id").toString();
    }

    GenericRecord countersOf(GenericRecord conversation) {
        GenericRecord counters = new GenericData.Record(schemas.counters);
        counters.put("model", modelOf(conversation));
        counters.put("conversations", 1L);
        counters.put("messages", (long) records(conversation, "messages").size());
        counters.put("feedback", (long) records(conversation, "feedback").size());
        for (String sum : new String[] {"answers", "latency_ms", "likes", "dislikes"}) {
            counters.put(sum, conversation.get(sum));
        }
        return counters;
    }

    static GenericRecord sum(GenericRecord one, GenericRecord other) {
        for (String sum : SUMS) {
            increase(one, sum, (Long) other.get(sum));
        }
        return one;
    }

    private static void increase(GenericRecord record, String field, long by) {
        record.put(field, (Long) record.get(field) + by);
    }

    @SuppressWarnings("unchecked")
    private static List<GenericRecord> records(GenericRecord conversation, String field) {
        return (List<GenericRecord>) conversation.get(field);
    }
}
