import java.util.Properties;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.streams.KafkaStreams;
import org.apache.kafka.streams.KeyValue;
import org.apache.kafka.streams.StreamsBuilder;
import org.apache.kafka.streams.StreamsConfig;
import org.apache.kafka.streams.kstream.Consumed;
import org.apache.kafka.streams.kstream.Grouped;
import org.apache.kafka.streams.kstream.Materialized;
import org.apache.kafka.streams.kstream.Produced;
import org.apache.kafka.streams.state.Stores;

/**
 * Counts the entries at each station with Kafka Streams, exactly once: brokers,
 * application id, topic of entries, topic of counts, folder for state.
 *
 * The entries' key is the time, so that counting by station wants Streams'
 * repartition topic: as ksqlDB does it, too. Of a value it decodes the station's
 * id alone, and looks at no schema. State is in memory; all settings but the
 * guarantee are at their defaults.
 */
public class Count {
    public static void main(String[] args) throws Exception {
        Properties p = new Properties();
        p.put(StreamsConfig.BOOTSTRAP_SERVERS_CONFIG, args[0]);
        p.put(StreamsConfig.APPLICATION_ID_CONFIG, args[1]);
        p.put(StreamsConfig.STATE_DIR_CONFIG, args[4]);
        p.put(StreamsConfig.PROCESSING_GUARANTEE_CONFIG, StreamsConfig.EXACTLY_ONCE_V2);
        p.put("auto.offset.reset", "earliest");

        StreamsBuilder b = new StreamsBuilder();
        b.stream(args[2], Consumed.with(Serdes.ByteArray(), Serdes.ByteArray()))
            .map((key, value) -> KeyValue.pair(Integer.toString(station(value)), value))
            .groupByKey(Grouped.with(Serdes.String(), Serdes.ByteArray()))
            .count(Materialized.<String, Long>as(Stores.inMemoryKeyValueStore("counts"))
                .withKeySerde(Serdes.String()).withValueSerde(Serdes.Long()))
            .toStream()
            .map((station, n) -> KeyValue.pair(station, "{\"STATION_ID\":" + station + ",\"COUNT\":" + n + "}"))
            .to(args[3], Produced.with(Serdes.String(), Serdes.String()));
        KafkaStreams streams = new KafkaStreams(b.build(), p);
        Runtime.getRuntime().addShutdownHook(new Thread(streams::close));
        streams.start();
        Thread.currentThread().join();
    }

    /** The first field of the Avro body, a zig-zag int, after the five bytes of the frame. */
    static int station(byte[] value) {
        int n = 0;
        for (int i = 5, shift = 0; ; i++, shift += 7) {
            n |= (value[i] & 0x7f) << shift;
            if (value[i] >= 0) {
                return (n >>> 1) ^ -(n & 1);
            }
        }
    }
}
