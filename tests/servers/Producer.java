// A producer as a gateway in Java would have it: Kafka's own client with its default partitioner.
// Reads `key TAB value` lines, writes them to a topic, and prints `key TAB partition` as the broker answered.
// Run by the tests in Java's single-file mode: java -cp 'target/servers/kafka-…/*' Producer.java BROKERS TOPIC < LINES

import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Properties;
import java.util.concurrent.Future;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.clients.producer.RecordMetadata;
import org.apache.kafka.common.serialization.StringSerializer;

public class Producer {
    public static void main(String[] args) throws Exception {
        Properties properties = new Properties();
        properties.put("bootstrap.servers", args[0]);
        properties.put("key.serializer", StringSerializer.class.getName());
        properties.put("value.serializer", StringSerializer.class.getName());
        BufferedReader lines = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        List<String> keys = new ArrayList<>();
        List<Future<RecordMetadata>> answers = new ArrayList<>();
        try (KafkaProducer<String, String> producer = new KafkaProducer<>(properties)) {
            for (String line = lines.readLine(); line != null; line = lines.readLine()) {
                String[] parts = line.split("\t", 2);
                keys.add(parts[0]);
                answers.add(producer.send(new ProducerRecord<>(args[1], parts[0], parts[1])));
            }
            producer.flush();
            StringBuilder out = new StringBuilder();
            for (int i = 0; i < keys.size(); i++) {
                out.append(keys.get(i)).append('\t').append(answers.get(i).get().partition()).append('\n');
            }
            System.out.print(out);
        }
    }
}
