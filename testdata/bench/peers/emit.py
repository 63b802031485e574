"""Emits records as fast as confluent-kafka (librdkafka) takes them, idempotent, its
other settings at their defaults: brokers, topic, number. Prints when it began, and
when all were acknowledged."""

import sys
import time

from confluent_kafka import Producer

brokers, topic, n = sys.argv[1], sys.argv[2], int(sys.argv[3])
failed = []


def told(error, _):
    if error:
        failed.append(error)


producer = Producer({"bootstrap.servers": brokers, "enable.idempotence": True, "partitioner": "murmur2_random"})
producer.list_topics(topic, timeout=10)
keys, value = [str(40000 + i).encode() for i in range(300)], bytes(43)
print(0, time.time_ns())
for i in range(n):
    while True:
        try:
            producer.produce(topic, value, keys[i % 300], on_delivery=told)
            break
        except BufferError:  # its queue is full
            producer.poll(0.01)
    producer.poll(0)
producer.flush()
if failed:
    sys.exit(str(failed[0]))
print(n, time.time_ns())
