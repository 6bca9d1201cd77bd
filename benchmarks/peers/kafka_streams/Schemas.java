package plaudit.peers;

import java.io.File;
import java.io.IOException;
import org.apache.avro.Schema;

/** The packaged schema of events, and the two of this peer, which use its types. */
final class Schemas {
    final Schema event;
    final Schema conversation;
    final Schema counters;

    Schemas(File eventFile, File folder) throws IOException {
        Schema.Parser parser = new Schema.Parser();
        event = parser.parse(eventFile);
        conversation = parser.parse(new File(folder, "conversation.avsc"));
        counters = parser.parse(new File(folder, "counters.avsc"));
    }

    static Schemas fromEnvironment() throws IOException {
        return new Schemas(new File(Peer.required("BENCH_EVENT_SCHEMA")), new File(Peer.required("BENCH_SCHEMAS")));
    }
}
