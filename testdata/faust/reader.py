"""A Faust app that recovers its table from the topic that ctastream's
StationTransformer writes, and prints it, a station a line.

    python reader.py worker

An empty table may mean that it was not recovered. With exactly_once Faust 0.15 asks
its client where the table ends, which knows it from the first answer to a fetch;
when Faust is first, it believes that there is nothing. Then start the app again.
"""

import os
import sys

import faust

app = faust.App(
    os.environ.get("APP", "ctalive-faust-reader"),
    broker="kafka://" + os.environ.get("BROKER", "127.0.0.1:9092"),
    topic_partitions=1,
    web_enabled=False,
    # The table is written in transactions, whose markers take offsets. Without
    # this Faust waits for a last record that never comes, and recovers nothing.
    processing_guarantee="exactly_once",
)


class Station(faust.Record):
    station_id: int
    station_name: str
    order: int
    line: str


changelog = app.topic(
    os.environ.get("TABLE", "org.chicago.cta.stations.table"),
    key_type=bytes,
    value_type=Station,
    partitions=1,
    allow_empty=True,  # a record without a value deletes
)
table = app.Table("stations", key_type=bytes, value_type=Station, partitions=1, changelog_topic=changelog)


@app.agent(app.topic(os.environ.get("ROWS", "org.chicago.cta.stations"), value_serializer="json"))
async def own(stream):
    """Only with a stream that it belongs to is the table's partition assigned."""
    async for _ in stream:
        pass


@app.task  # runs when the table is recovered
async def show():
    out = sys.__stdout__  # a worker's own goes to its log
    for key, s in sorted(table.items()):
        print(f"station {key.decode()}: {s.station_id} {s.station_name} {s.order} {s.line}", file=out)
    print("end of table", file=out, flush=True)


if __name__ == "__main__":
    app.main()
