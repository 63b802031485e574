// Package tables reads and writes the JSON records of the stations table and of the
// turnstile counts. It knows the forms of all programs that write them: this system,
// Kafka Connect, Debezium, Faust, KSQL 5 and ksqlDB. It imports only the standard
// library.
//
//   - [StationRow] is a row of the raw stations table: one stop. [Rows] are those of a
//     network.
//   - [StationRecord] is a station of a line, in topic stations.table.
//   - [TurnstileCount] is the count of a station, in topic TURNSTILE_SUMMARY.
//     [TurnstileCounts] reads all records of that topic.
package tables
