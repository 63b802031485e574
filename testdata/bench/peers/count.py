"""Counts the entries at each station with Faust, which counts at least once: BROKERS,
GROUP, TOPIC of entries, OUTPUT topic of counts, PARTITIONS, DATA folder.

    python count.py worker

Entries of a station are in one partition, so that no topic between is wanted. Of a
value it decodes the station's id alone. State is in memory."""

import os

import faust

app = faust.App(
    os.environ["GROUP"],
    broker="kafka://" + os.environ["BROKERS"],
    topic_partitions=int(os.environ["PARTITIONS"]),
    consumer_auto_offset_reset="earliest",
    datadir=os.environ["DATA"],
    web_enabled=False,
)
entries = app.topic(os.environ["TOPIC"], key_serializer="raw", value_serializer="raw")
counted = app.topic(os.environ["OUTPUT"], key_serializer="raw", value_serializer="raw", partitions=1)
counts = app.Table("counts", default=int, partitions=int(os.environ["PARTITIONS"]))


def station(value):
    """The first field of the Avro body, a zig-zag int, after the five bytes of the frame."""
    n, shift = 0, 0
    for b in value[5:]:
        n |= (b & 0x7F) << shift
        if b < 0x80:
            return (n >> 1) ^ -(n & 1)
        shift += 7


@app.agent(entries)
async def count(stream):
    async for value in stream:
        id = station(value)
        counts[id] += 1
        await counted.send(key=str(id).encode(), value=b'{"STATION_ID":%d,"COUNT":%d}' % (id, counts[id]))


if __name__ == "__main__":
    app.main()
