package plaudit.peers;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.concurrent.atomic.LongAdder;

/** Counts the events folded, and writes the number to a file twenty times a second. */
final class Progress {
    private final LongAdder events = new LongAdder();
    private final Path file;

    Progress(Path file) {
        this.file = file;
    }

    void count() {
        events.increment();
    }

    void start() {
        Thread thread = new Thread(this::report, "progress");
        thread.setDaemon(true);
        thread.start();
    }

    private void report() {
        // Renamed into place, so that the benchmark never reads half a number.
        Path aside = file.resolveSibling(file.getFileName() + ".new");
        try {
            while (true) {
                Files.writeString(aside, Long.toString(events.sum()));
                Files.move(aside, file, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
                Thread.sleep(50);
            }
        } catch (IOException error) {
            throw new UncheckedIOException(error);
        } catch (InterruptedException error) {
            Thread.currentThread().interrupt();
        }
    }
}
