import java.util.Properties;
import java.util.concurrent.atomic.AtomicReference;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.serialization.ByteArraySerializer;

/**
 * Emits records as fast as Kafka's own producer takes them, all its settings at their
 * defaults (idempotent, acknowledged by all): brokers, topic, number. Prints when it
 * began, and when all were acknowledged.
 */
public class Emit {
    public static void main(String[] args) throws Exception {
        Properties p = new Properties();
        p.put("bootstrap.servers", args[0]);
        int n = Integer.parseInt(args[2]);
        AtomicReference<Exception> failed = new AtomicReference<>();
        try (KafkaProducer<byte[], byte[]> producer = new KafkaProducer<>(p, new ByteArraySerializer(), new ByteArraySerializer())) {
            producer.partitionsFor(args[1]);
            tell(0);
            for (int i = 0; i < n; i++) {
                byte[] key = Integer.toString(40000 + i % 300).getBytes();
                producer.send(new ProducerRecord<>(args[1], key, new byte[43]), (m, e) -> {
                    if (e != null) {
                        failed.set(e);
                    }
                });
            }
            producer.flush();
        }
        if (failed.get() != null) {
            throw failed.get();
        }
        tell(n);
    }

    static void tell(int n) {
        System.out.println(n + " " + System.currentTimeMillis() * 1_000_000);
    }
}
