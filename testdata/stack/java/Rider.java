// Writes entries at a station as a Java producer does, in transactions, of which
// the first is aborted; then follows TURNSTILE_SUMMARY as a Java consumer that
// reads committed records only, and prints the station's counts up to the one wanted.
//
//   java -cp "$CTALIVE_JAVA_CLASSPATH" Rider.java BROKER REGISTRY ENTRIES COUNTS STATION NAME LINE ENTRIES_NOW COUNT_WANTED
//
// The schemas are those that the registry has under the topic's subjects.

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.List;
import java.util.Properties;
import java.util.UUID;
import java.util.regex.Pattern;

import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.serialization.ByteArraySerializer;
import org.apache.kafka.common.serialization.StringDeserializer;
import org.apache.kafka.common.utils.Utils;

public class Rider {
    public static void main(String[] args) throws Exception {
        String broker = args[0], registry = args[1], entries = args[2], counts = args[3];
        String station = args[4], name = args[5], line = args[6];
        int now = Integer.parseInt(args[7]);
        enter(broker, registry, entries, station, name, line, now);
        follow(broker, counts, station, args[8]);
    }

    static void enter(String broker, String registry, String topic, String station, String name, String line, int n) throws Exception {
        int keySchema = latest(registry, topic + "-key"), valueSchema = latest(registry, topic + "-value");
        var settings = new Properties();
        settings.put("bootstrap.servers", broker);
        settings.put("transactional.id", "rider-" + UUID.randomUUID());
        try (var producer = new KafkaProducer<>(settings, new ByteArraySerializer(), new ByteArraySerializer())) {
            // An entry belongs into its station's partition.
            int partition = Utils.toPositive(Utils.murmur2(station.getBytes())) % producer.partitionsFor(topic).size();
            producer.initTransactions();
            for (boolean commit : List.of(false, true)) {
                producer.beginTransaction();
                for (int i = 0; i < n; i++) {
                    var key = frame(keySchema);
                    number(key, System.currentTimeMillis());
                    var value = frame(valueSchema);
                    number(value, Long.parseLong(station));
                    text(value, name);
                    text(value, line);
                    producer.send(new ProducerRecord<>(topic, partition, key.toByteArray(), value.toByteArray()));
                }
                if (commit) {
                    producer.commitTransaction();
                } else {
                    producer.flush();
                    producer.abortTransaction();
                }
            }
        }
    }

    static int latest(String registry, String subject) throws IOException, InterruptedException {
        var request = HttpRequest.newBuilder(URI.create(registry + "/subjects/" + subject + "/versions/latest")).build();
        var answer = HttpClient.newHttpClient().send(request, BodyHandlers.ofString());
        var id = Pattern.compile("\"id\":\\s*(\\d+)").matcher(answer.body());
        if (answer.statusCode() != 200 || !id.find()) {
            throw new IOException(subject + ": " + answer.statusCode() + " " + answer.body());
        }
        return Integer.parseInt(id.group(1));
    }

    static ByteArrayOutputStream frame(int schema) {
        var out = new ByteArrayOutputStream();
        out.writeBytes(ByteBuffer.allocate(5).put((byte) 0).putInt(schema).array());
        return out;
    }

    /** number writes Avro's int or long: seven bits a byte, the sign in the lowest. */
    static void number(ByteArrayOutputStream out, long n) {
        long raw = n << 1 ^ n >> 63;
        for (; (raw & ~0x7fL) != 0; raw >>>= 7) {
            out.write((int) (raw & 0x7f | 0x80));
        }
        out.write((int) raw);
    }

    static void text(ByteArrayOutputStream out, String text) {
        byte[] bytes = text.getBytes(java.nio.charset.StandardCharsets.UTF_8);
        number(out, bytes.length);
        out.writeBytes(bytes);
    }

    static void follow(String broker, String topic, String station, String wanted) throws IOException {
        var settings = new Properties();
        settings.put("bootstrap.servers", broker);
        settings.put("group.id", "rider-" + UUID.randomUUID());
        settings.put("auto.offset.reset", "earliest");
        settings.put("isolation.level", "read_committed");
        var count = Pattern.compile("\\{\"STATION_ID\":" + station + ",\"COUNT\":(\\d+)\\}");
        try (var consumer = new KafkaConsumer<>(settings, new StringDeserializer(), new StringDeserializer())) {
            consumer.subscribe(List.of(topic));
            long end = System.nanoTime() + Duration.ofSeconds(60).toNanos();
            while (System.nanoTime() < end) {
                for (var record : consumer.poll(Duration.ofMillis(200))) {
                    if (!station.equals(record.key())) {
                        continue;
                    }
                    var found = count.matcher(record.value());
                    if (!found.matches()) {
                        throw new IOException("the value is " + record.value());
                    }
                    System.out.println("count: " + found.group(1));
                    if (found.group(1).equals(wanted)) {
                        return;
                    }
                }
            }
        }
        throw new IOException("no count " + wanted);
    }
}
