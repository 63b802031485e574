"""Uses the embedded broker and registry as a program of the confluent-kafka
library would: python confluent.py <brokers> <registry> <topic of arrivals>
[<prefix of its own topics and groups>]. Real services are used the same way.
Every step that goes wrong ends it with an exception; the last line is "done"."""

import json
import sys

from confluent_kafka import Consumer, Producer, TopicPartition
from confluent_kafka.schema_registry import SchemaRegistryClient
from confluent_kafka.schema_registry.avro import AvroDeserializer, AvroSerializer
from confluent_kafka.serialization import MessageField, SerializationContext

brokers, registry_url, arrivals = sys.argv[1:4]
prefix = sys.argv[4] if len(sys.argv) > 4 else ""
registry = SchemaRegistryClient({"url": registry_url})
decode = AvroDeserializer(registry)


def consumer(group, **settings):
    return Consumer({"bootstrap.servers": brokers, "group.id": prefix + group, "auto.offset.reset": "earliest", **settings})


def poll(c, n):
    messages = []
    for _ in range(200):
        m = c.poll(0.1)
        if m is None:
            continue
        if m.error():
            raise RuntimeError(m.error())
        messages.append(m)
        if len(messages) == n:
            return messages
    raise RuntimeError(f"{len(messages)} of {n} messages")


def read_arrivals():
    """A group reads what the Go side has written, and commits."""
    c = consumer("foreign-group")
    c.subscribe([arrivals])
    m = poll(c, 1)[0]
    key = decode(m.key(), SerializationContext(arrivals, MessageField.KEY))
    value = decode(m.value(), SerializationContext(arrivals, MessageField.VALUE))
    print("arrival:", key["timestamp"], value["station_id"], value["train_id"], value["train_status"], value["prev_station_id"])
    c.commit(m, asynchronous=False)
    c.close()
    c = consumer("foreign-group")
    print("committed:", c.committed([TopicPartition(arrivals, 0)], 10)[0].offset)
    c.close()
    return key, value


def write_arrival(key, value):
    """The same arrival of another train, by schemas of its own: another name, texts, nullable fields, a list."""
    def encode(part, field, fields, data):
        schema = json.dumps({"type": "record", "name": f"arrival.{part}", "namespace": "com.transport", "fields": fields})
        subject = {"subject.name.strategy": lambda context, record: f"{arrivals}-foreign-{part}"}
        return AvroSerializer(registry, schema, conf=subject)(data, SerializationContext(arrivals, field))

    def nullable(name, kind):
        return {"name": name, "type": ["null", kind], "default": None}

    key = encode("key", MessageField.KEY, [{"name": "timestamp", "type": {"type": "long", "logicalType": "timestamp-millis"}}], key)
    value = encode("value", MessageField.VALUE, [
        {"name": "gates", "type": {"type": "array", "items": "string"}}, nullable("station_id", "int"), nullable("train_id", "string"),
        nullable("direction", "string"), {"name": "line", "type": "string"}, nullable("train_status", "string"),
        nullable("prev_station_id", "int"), nullable("prev_direction", "string"),
    ], value | {"train_id": "BL002", "gates": ["N1", "N2"]})
    p = Producer({"bootstrap.servers": brokers, "enable.idempotence": True})
    failures = []
    p.produce(arrivals, key=key, value=value, on_delivery=lambda err, _: failures.append(err) if err else None)
    if p.flush(20) or failures:
        raise RuntimeError(f"not delivered: {failures}")


def write_and_read():
    """Avro there and back, to a topic that nobody has created."""
    topic = prefix + "foreign.weather"
    schema = '{"type":"record","name":"w","fields":[{"name":"t","type":["null","double"],"default":null}]}'
    encode = AvroSerializer(registry, schema)
    context = SerializationContext(topic, MessageField.VALUE)
    p = Producer({"bootstrap.servers": brokers, "enable.idempotence": True, "compression.type": "snappy"})
    failures = []
    for i in range(3):
        p.produce(topic, key=b"k", value=encode({"t": i + 0.5}, context),
                  on_delivery=lambda err, _: failures.append(err) if err else None)
    if p.flush(20) or failures:
        raise RuntimeError(f"not delivered: {failures}")
    # Partitions assigned by hand, under a group that has never been heard of.
    c = consumer("never-heard-of")
    p0 = TopicPartition(topic, 0)
    print("never committed:", c.committed([p0], 10)[0].offset)
    c.assign([p0])
    print("weather:", [decode(m.value(), context)["t"] for m in poll(c, 3)])
    c.close()


def transact():
    """Of two transactions one is aborted, which its readers don't see."""
    topic = prefix + "foreign.transactions"
    p = Producer({"bootstrap.servers": brokers, "transactional.id": prefix + "foreign"})
    p.init_transactions(20)
    for value, end in (("kept", p.commit_transaction), ("dropped", p.abort_transaction), ("kept too", p.commit_transaction)):
        p.begin_transaction()
        p.produce(topic, value=value)
        p.flush(20)
        end(20)
    c = consumer("foreign-readers", **{"isolation.level": "read_committed"})
    c.subscribe([topic])
    print("committed records:", [m.value().decode() for m in poll(c, 2)])
    c.close()


write_arrival(*read_arrivals())
write_and_read()
transact()
print("done")
