// Package schemas holds the Avro schemas of the events, one a file: a key and a
// value for arrivals, turnstile entries and weather readings.
//
//	id, err := registry.Register(ctx, topic+"-value", schemas.ArrivalValue)
//
// Every key is a record of one member, timestamp: the event's own time in
// milliseconds. Enums stand where the values are closed (a train's status, the
// sky); a line, a direction or a train is a string, because another network has
// other ones. No union holds a named type, as REST Proxies disagree on how such a
// value is written in JSON. Units are in each field's doc.
//
// # Changing a schema
//
// Records written years ago have to stay readable: the new schema must read
// whatever was written by every published one. So a field may be added only with
// a default, an enum may gain symbols only with a default for older readers, and
// names, types and units stay. Directory published holds each version that was
// ever released, and the package's tests read all of them with the current one.
// Publishing a version is copying it there under the next number.
package schemas
