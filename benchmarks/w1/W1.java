import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.security.GeneralSecurityException;
import java.time.LocalDate;
import java.util.Arrays;
import java.util.Map;
import java.util.Properties;
import java.util.TreeMap;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.stream.Collectors;
import javax.crypto.Cipher;
import javax.crypto.Mac;
import javax.crypto.spec.GCMParameterSpec;
import javax.crypto.spec.SecretKeySpec;
import org.apache.avro.Schema;
import org.apache.avro.generic.GenericDatumReader;
import org.apache.avro.generic.GenericRecord;
import org.apache.avro.io.BinaryDecoder;
import org.apache.avro.io.DecoderFactory;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.common.utils.Bytes;
import org.apache.kafka.streams.KafkaStreams;
import org.apache.kafka.streams.StoreQueryParameters;
import org.apache.kafka.streams.Topology;
import org.apache.kafka.streams.processor.api.Processor;
import org.apache.kafka.streams.processor.api.ProcessorContext;
import org.apache.kafka.streams.processor.api.Record;
import org.apache.kafka.streams.state.KeyValueStore;
import org.apache.kafka.streams.state.QueryableStoreTypes;
import org.apache.kafka.streams.state.Stores;

/**
 * W1 with Kafka Streams: one event a message, at-least-once, persistent stores with
 * changelog. Arguments: group, topic, threads. The counts are cached between commits,
 * the seen records are not: each is written once.
 */
public final class W1 {
    private static final Path FOLDER = Path.of(System.getenv("W1_FOLDER"));
    private static final String SCHEMA = System.getenv("W1_SCHEMA");
    private static final byte[] SECRET = secret();
    private static final AtomicBoolean BEGUN = new AtomicBoolean();

    private W1() {}

    /** Decrypts, decodes, hashes, drops what was seen, counts. */
    private static final class Fold implements Processor<byte[], byte[], Void, Void> {
        private final GenericDatumReader<GenericRecord> reader =
                new GenericDatumReader<>(new Schema.Parser().parse(SCHEMA));
        private final SecretKeySpec key = new SecretKeySpec(SECRET, "AES");
        private final Cipher cipher;
        private final Mac record;
        private final Mac person;
        private BinaryDecoder decoder;
        private GenericRecord row;
        private KeyValueStore<Bytes, byte[]> seen;
        private KeyValueStore<String, Long> cells;

        Fold() {
            try {
                cipher = Cipher.getInstance("AES/GCM/NoPadding");
                record = mac("record");
                person = mac("person");
            } catch (GeneralSecurityException error) {
                throw new IllegalStateException(error);
            }
        }

        @Override
        public void init(ProcessorContext<Void, Void> context) {
            seen = context.getStateStore("seen");
            cells = context.getStateStore("cells");
        }

        @Override
        public void process(Record<byte[], byte[]> message) {
            if (!BEGUN.getAndSet(true)) {
                write("first", String.valueOf(System.nanoTime() / 1e9));
            }
            try {
                fold(message.value());
            } catch (GeneralSecurityException | java.io.IOException error) {
                throw new IllegalStateException(error);
            }
        }

        private void fold(byte[] value) throws GeneralSecurityException, java.io.IOException {
            cipher.init(Cipher.DECRYPT_MODE, key, new GCMParameterSpec(128, value, 0, 12));
            byte[] plain = cipher.doFinal(value, 12, value.length - 12);
            decoder = DecoderFactory.get().binaryDecoder(plain, decoder);
            row = reader.read(row, decoder);
            int born = (Integer) row.get("birth_date");
            byte[] who = keyed(person, row.get("document") + "|" + born);
            Bytes which = Bytes.wrap(keyed(record, row.get("record").toString()));
            if (seen.putIfAbsent(which, who) != null) {
                return;
            }
            int month = LocalDate.ofEpochDay((Integer) row.get("event_date")).getMonthValue();
            int decade = LocalDate.ofEpochDay(born).getYear() / 10;
            add("a|" + row.get("citizenship"));
            add("b|" + row.get("checkpoint") + "|" + row.get("direction"));
            add("c|" + row.get("sex") + "|" + decade);
            add("d|" + row.get("purpose") + "|" + month);
            add("e|" + row.get("region") + "|" + row.get("citizenship"));
        }

        private void add(String cell) {
            Long before = cells.get(cell);
            cells.put(cell, before == null ? 1L : before + 1);
        }
    }

    private static byte[] secret() {
        byte[] made = new byte[32];
        for (int n = 0; n < made.length; n++) {
            made[n] = (byte) n;
        }
        return made;
    }

    private static Mac mac(String label) throws GeneralSecurityException {
        byte[] name = label.getBytes(StandardCharsets.US_ASCII);
        byte[] key = ByteBuffer.allocate(name.length + 32).put(name).put(SECRET).array();
        Mac made = Mac.getInstance("HmacSHA256");
        made.init(new SecretKeySpec(key, "HmacSHA256"));
        return made;
    }

    private static byte[] keyed(Mac mac, String text) {
        return Arrays.copyOf(mac.doFinal(text.getBytes(StandardCharsets.UTF_8)), 16);
    }

    private static void write(String name, String text) {
        try {
            Path draft = FOLDER.resolve(name + ".new");
            Files.writeString(draft, text);
            Files.move(draft, FOLDER.resolve(name), StandardCopyOption.ATOMIC_MOVE);
        } catch (java.io.IOException error) {
            throw new IllegalStateException(error);
        }
    }

    private static Properties settings(String group, String threads) {
        String pki = System.getenv("W1_PKI");
        Properties made = new Properties();
        made.put("application.id", group);
        made.put("bootstrap.servers", System.getenv("W1_BOOTSTRAP"));
        made.put("state.dir", FOLDER.resolve("streams").toString());
        made.put("num.stream.threads", threads);
        made.put("processing.guarantee", "at_least_once");
        made.put("commit.interval.ms", "1000");
        made.put("replication.factor", "1");
        made.put("auto.offset.reset", "earliest");
        made.put("security.protocol", "SSL");
        made.put("ssl.enabled.protocols", "TLSv1.3");
        made.put("ssl.keystore.type", "PEM");
        made.put("ssl.keystore.location", pki + "/w1.pem");
        made.put("ssl.truststore.type", "PEM");
        made.put("ssl.truststore.location", pki + "/ca.pem");
        return made;
    }

    private static Topology topology(String topic) {
        ByteArrayDeserializer raw = new ByteArrayDeserializer();
        return new Topology()
                .addSource("events", raw, raw, topic)
                .addProcessor("fold", Fold::new, "events")
                .addStateStore(
                        Stores.keyValueStoreBuilder(
                                Stores.persistentKeyValueStore("seen"),
                                Serdes.Bytes(),
                                Serdes.ByteArray()),
                        "fold")
                .addStateStore(
                        Stores.keyValueStoreBuilder(
                                        Stores.persistentKeyValueStore("cells"),
                                        Serdes.String(),
                                        Serdes.Long())
                                .withCachingEnabled(),
                        "fold");
    }

    private static void report(KafkaStreams streams) {
        long unique = 0;
        var seen =
                streams.store(
                        StoreQueryParameters.fromNameAndType(
                                "seen", QueryableStoreTypes.<Bytes, byte[]>keyValueStore()));
        try (var all = seen.all()) {
            for (; all.hasNext(); all.next()) {
                unique++;
            }
        }
        Map<String, Long> cells = new TreeMap<>();
        var store =
                streams.store(
                        StoreQueryParameters.fromNameAndType(
                                "cells", QueryableStoreTypes.<String, Long>keyValueStore()));
        try (var all = store.all()) {
            all.forEachRemaining(one -> cells.merge(one.key, one.value, Long::sum));
        }
        String text =
                cells.entrySet().stream()
                        .map(one -> "\"" + one.getKey() + "\":" + one.getValue())
                        .collect(Collectors.joining(","));
        write("counts", "{\"unique\":" + unique + ",\"cells\":{" + text + "}}");
    }

    /** Runs until it is killed; reports when the file `asked` appears. */
    public static void main(String[] given) throws InterruptedException {
        KafkaStreams streams =
                new KafkaStreams(topology(given[1]), settings(given[0], given[2]));
        Runtime.getRuntime().addShutdownHook(new Thread(streams::close));
        streams.start();
        while (!Files.exists(FOLDER.resolve("asked"))) {
            Thread.sleep(100);
        }
        report(streams);
    }
}
