// Counts the entries at each station with Kafka Streams, exactly once: ksqlDB's
// role, and our TurnstileSummary's. It writes what TURNSTILE_SUMMARY holds, until
// it is ended by a signal.
//
//   java -cp "$CTALIVE_JAVA_CLASSPATH" EntryCounter.java BROKER REGISTRY APPLICATION ENTRIES COUNTS STATE_FOLDER
//
// Stores are in memory, so RocksDB isn't needed.

import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.ByteBuffer;
import java.util.Map;
import java.util.Properties;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CountDownLatch;

import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.streams.KafkaStreams;
import org.apache.kafka.streams.StreamsBuilder;
import org.apache.kafka.streams.StreamsConfig;
import org.apache.kafka.streams.errors.StreamsUncaughtExceptionHandler.StreamThreadExceptionResponse;
import org.apache.kafka.streams.kstream.Consumed;
import org.apache.kafka.streams.kstream.Grouped;
import org.apache.kafka.streams.kstream.Materialized;
import org.apache.kafka.streams.kstream.Produced;
import org.apache.kafka.streams.state.Stores;

public class EntryCounter {
    public static void main(String[] args) throws InterruptedException {
        String broker = args[0], application = args[2], input = args[3], output = args[4], folder = args[5];
        var entries = new Entries(args[1]);
        var builder = new StreamsBuilder();
        builder.stream(input, Consumed.with(Serdes.ByteArray(), Serdes.ByteArray()))
            .groupBy((key, value) -> entries.station(value), Grouped.with("entries", Serdes.String(), Serdes.ByteArray()))
            .count(Materialized.<String, Long>as(Stores.inMemoryKeyValueStore("counts"))
                .withKeySerde(Serdes.String()).withValueSerde(Serdes.Long()))
            .toStream()
            .mapValues((station, count) -> "{\"STATION_ID\":" + station + ",\"COUNT\":" + count + "}")
            .to(output, Produced.with(Serdes.String(), Serdes.String()));

        var settings = new Properties();
        settings.put(StreamsConfig.BOOTSTRAP_SERVERS_CONFIG, broker);
        settings.put(StreamsConfig.APPLICATION_ID_CONFIG, application);
        settings.put(StreamsConfig.STATE_DIR_CONFIG, folder);
        settings.put(StreamsConfig.PROCESSING_GUARANTEE_CONFIG, StreamsConfig.EXACTLY_ONCE_V2);
        settings.put(StreamsConfig.consumerPrefix("auto.offset.reset"), "earliest");
        var streams = new KafkaStreams(builder.build(), settings);
        var ended = new CountDownLatch(1);
        streams.setUncaughtExceptionHandler(fault -> {
            fault.printStackTrace();
            return StreamThreadExceptionResponse.SHUTDOWN_CLIENT;
        });
        streams.setStateListener((now, before) -> {
            System.out.println(now);
            if (now.hasCompletedShutdown()) {
                ended.countDown();
            }
        });
        Runtime.getRuntime().addShutdownHook(new Thread(streams::close));
        streams.start();
        ended.await();
    }

    /** Entries reads framed Avro by hand, knowing that station_id comes first. */
    private static class Entries {
        private final String registry;
        private final HttpClient http = HttpClient.newHttpClient();
        private final Map<Integer, String> schemas = new ConcurrentHashMap<>();

        Entries(String registry) {
            this.registry = registry;
        }

        String station(byte[] frame) {
            var in = ByteBuffer.wrap(frame);
            if (in.get() != 0) {
                throw new IllegalArgumentException("no frame: its first byte isn't 0");
            }
            String schema = schemas.computeIfAbsent(in.getInt(), this::fetch);
            if (!schema.matches("(?s).*fields[^}]*station_id.*")) {
                throw new IllegalArgumentException("station_id isn't the first field of " + schema);
            }
            return Long.toString(number(in));
        }

        private String fetch(int id) {
            var request = HttpRequest.newBuilder(URI.create(registry + "/schemas/ids/" + id)).build();
            try {
                var answer = http.send(request, BodyHandlers.ofString());
                if (answer.statusCode() != 200) {
                    throw new IllegalStateException("schema " + id + ": " + answer.statusCode() + " " + answer.body());
                }
                return answer.body();
            } catch (IOException | InterruptedException e) {
                throw new IllegalStateException("schema " + id, e);
            }
        }

        /** number reads Avro's int or long: seven bits a byte, the sign in the lowest. */
        private static long number(ByteBuffer in) {
            long raw = 0;
            for (int shift = 0;; shift += 7) {
                byte b = in.get();
                raw |= (b & 0x7fL) << shift;
                if (b >= 0) {
                    return raw >>> 1 ^ -(raw & 1);
                }
            }
        }
    }
}
