// Package schemas holds the Avro schemas of the events, one per file: a key and a
// value for arrivals, turnstile entries, weather readings, alerts and predictions.
//
//	id, err := registry.Register(ctx, topic+"-value", schemas.ArrivalValue)
//
// # Conventions
//
//   - Every key is a record with one field, timestamp: the event time in milliseconds.
//     An alert lasts, so its key is its id. A prediction replaces the train's last one, so
//     its key is the train.
//   - A field with a closed set of values is an enum, such as a train's status.
//   - Lines, directions and trains are strings, because their values differ by network.
//   - No union contains a named type: REST Proxies disagree on its JSON form.
//   - Each field's doc gives its unit.
//
// # Changing a schema
//
// A new schema must read everything written with any published version:
//
//   - A new field needs a default.
//   - A new enum symbol needs an enum default, for older readers.
//   - Names, types and units never change.
//
// The directory published holds every released version. The tests check that the current
// schema reads each of them. To publish a version, copy it there under the next number.
package schemas
