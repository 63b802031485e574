"""The work of ctastream's StationTransformer as a Faust app, on the same topics.

    python stations.py worker

Each row of the stations table becomes one record a line in the table's topic,
under <station_id>/<line>. What it leaves out: deletions of rows, and stations
that leave a line. A row of several lines has one order, which all of them get.
"""

import os

import faust

app = faust.App(
    os.environ.get("APP", "ctalive-faust-stations"),
    broker="kafka://" + os.environ.get("BROKER", "127.0.0.1:9092"),
    topic_partitions=1,
    web_enabled=False,
    # A table that was written in transactions, as StationTransformer's is, is
    # recovered with exactly_once only: else Faust waits for ever for the record at
    # the offset that the last transaction's marker took.
    processing_guarantee=os.environ.get("GUARANTEE", "exactly_once"),
)


class Station(faust.Record):
    station_id: int
    station_name: str
    order: int
    line: str


rows = app.topic(os.environ.get("ROWS", "org.chicago.cta.stations"), value_serializer="json")
changelog = app.topic(
    os.environ.get("TABLE", "org.chicago.cta.stations.table"),
    key_type=bytes,  # a table with keys of type str would put quotes around them
    value_type=Station,
    partitions=1,
    compacting=True,
    allow_empty=True,  # a record without a value deletes
)
table = app.Table("stations", key_type=bytes, value_type=Station, partitions=1, changelog_topic=changelog)


@app.agent(rows)
async def transform(stream):
    async for row in stream:
        if row is None:  # Debezium's word for a row that is no more
            continue
        for line in [name for name, value in row.items() if value is True]:
            station = Station(row["station_id"], row["station_name"], row["order"], line)
            table[f"{station.station_id}/{line}".encode()] = station


if __name__ == "__main__":
    app.main()
