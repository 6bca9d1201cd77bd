package plaudit.peers;

import java.nio.file.Path;
import java.time.Duration;
import java.util.Properties;
import java.util.Set;
import java.util.stream.Collectors;
import org.apache.kafka.clients.consumer.ConsumerConfig;
import org.apache.kafka.streams.KafkaStreams;
import org.apache.kafka.streams.StreamsConfig;
import org.apache.kafka.streams.Topology;
import org.apache.kafka.streams.TaskMetadata;
import org.apache.kafka.streams.ThreadMetadata;
import org.apache.kafka.streams.errors.StreamsUncaughtExceptionHandler.StreamThreadExceptionResponse;

/** What both peers share: settings from the environment, and a start that waits for a stable group. */
final class Peer {
    private static final long STABLE_MS = 2_000;

    private Peer() {}

    static String required(String name) {
        String value = System.getenv(name);
        if (value == null || value.isEmpty()) {
            throw new IllegalStateException(name + " is not set; the benchmark sets it");
        }
        return value;
    }

    /** The settings that both need. Whatever the environment names in BENCH_STREAMS (`key=value,...`) is added. */
    static Properties properties() {
        Properties properties = new Properties();
        properties.put(StreamsConfig.APPLICATION_ID_CONFIG, required("BENCH_RUN"));
        properties.put(StreamsConfig.BOOTSTRAP_SERVERS_CONFIG, required("PLAUDIT_BOOTSTRAP_SERVERS"));
        properties.put(StreamsConfig.STATE_DIR_CONFIG, required("BENCH_STATE"));
        properties.put(StreamsConfig.REPLICATION_FACTOR_CONFIG, 1);
        properties.put(StreamsConfig.consumerPrefix(ConsumerConfig.AUTO_OFFSET_RESET_CONFIG), "earliest");
        return properties;
    }

    /** Settings of the environment win over the peer's own, so that others can be tried without a change here. */
    private static void override(Properties properties) {
        String given = System.getenv().getOrDefault("BENCH_STREAMS", "");
        for (String pair : given.isEmpty() ? new String[0] : given.split(",")) {
            properties.put(pair.substring(0, pair.indexOf('=')), pair.substring(pair.indexOf('=') + 1));
        }
    }

    /** Run until the process is told to end. Progress is reported once the group has been stable for 2 s. */
    static void run(Topology topology, Properties properties, Progress progress) throws InterruptedException {
        override(properties);
        KafkaStreams streams = new KafkaStreams(topology, properties);
        streams.setUncaughtExceptionHandler(error -> {
            error.printStackTrace();
            Runtime.getRuntime().halt(1);
            return StreamThreadExceptionResponse.SHUTDOWN_CLIENT;
        });
        Runtime.getRuntime().addShutdownHook(new Thread(() -> streams.close(Duration.ofSeconds(30))));
        streams.start();
        pauseUntilStable(streams);
        progress.start();
        Thread.currentThread().join();
    }

    /** Wait for tasks, then pause until they have stayed the same. Paused from the start, no task would be restored. */
    private static void pauseUntilStable(KafkaStreams streams) throws InterruptedException {
        while (true) {
            Set<String> tasks = runningTasks(streams);
            if (tasks.isEmpty()) {
                Thread.sleep(20);
                continue;
            }
            streams.pause();
            Thread.sleep(STABLE_MS);
            boolean stable = runningTasks(streams).equals(tasks);
            streams.resume();
            if (stable) {
                return;
            }
        }
    }

    /** The tasks that run, each with its thread; nothing while a thread has none or the group is rebalanced. */
    private static Set<String> runningTasks(KafkaStreams streams) {
        if (streams.state() != KafkaStreams.State.RUNNING) {
            return Set.of();
        }
        Set<ThreadMetadata> threads = streams.metadataForLocalThreads();
        if (threads.stream().anyMatch(thread -> thread.activeTasks().isEmpty())) {
            return Set.of();
        }
        return threads.stream()
            .flatMap(thread -> thread.activeTasks().stream().map(TaskMetadata::taskId).map(id -> thread.threadName() + id))
            .collect(Collectors.toSet());
    }

    static Progress progress() {
        return new Progress(Path.of(required("BENCH_DONE")));
    }
}
