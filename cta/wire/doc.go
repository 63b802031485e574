// Package wire encodes and decodes the keys and values of Kafka records: framed Avro
// with a Schema Registry, plain JSON, or text. It needs no Kafka client.
//
//	registry, err := wire.NewRegistry(wire.RegistryConfig{URL: "http://127.0.0.1:8081"})
//	if err != nil {
//		return err // lists every wrong setting
//	}
//	values, err := wire.AvroValue[cta.Weather](registry, schemas.WeatherValue)
//	if err != nil {
//		return err
//	}
//	data, err := values.Encode(ctx, "org.chicago.cta.weather", cta.Weather{Temperature: 40.5, Status: cta.WeatherSunny})
//
// # Frames
//
// A frame is a zero byte, the schema id in four bytes (big-endian), and the Avro body.
// Keys and values are framed separately, each with its own id. Subjects are named after
// the topic: "<topic>-key" and "<topic>-value". A null key or value is never framed.
//
// # Decoding
//
// The frame's id names the writer's schema. The codec resolves that schema to its own by
// field names:
//
//   - Names and namespaces of records, enums and fixed types are ignored, even illegal
//     ones. Docs, aliases and the writer's defaults are ignored too.
//   - Field order does not matter. A field name that differs only in case matches if it is
//     the only such name: ksqlDB writes names in capitals.
//   - A field that the writer lacks gets the codec's default.
//   - Unknown fields are skipped, whatever their type. Lists and trees may nest up to 1,000
//     values deep.
//   - A timestamp-micros or timestamp-nanos is converted to milliseconds. A
//     local-timestamp has no time zone and cannot be read. Other logical types are ignored.
//   - A schema may refer to up to 64 others in its registry.
//   - The branches of a union are resolved one by one. A branch that does not fit, such as
//     null where the codec needs a value, fails only the records that use it.
//   - Numbers are converted where the value fits: a long to an int within 32 bits, a
//     double to the nearest float.
//   - A text is read as an enum by its symbol, and an enum as a text.
//
// Decode checks for these faults in this order, and returns a [DecodeError] for the first:
//
//   - The record is null, has a first byte other than zero, is too short, or exceeds 64 KiB.
//   - The registry does not know the id.
//   - The schema of the id does not fit.
//   - The body does not fit its schema, or a value does not fit its field. The error names
//     the field.
//   - Bytes are left over.
//
// An unreachable registry is no DecodeError: the record may be readable later. The same
// holds for a 404 that did not come from the registry itself.
//
// # Limits
//
// A codec's own schema can't have maps or recursion. Transit events need none, and the
// Avro library's decoders for them have known faults on hostile input. An array has at most
// 1000 items.
//
// Each body is checked against its schema before the Avro library reads it. A body of
// another schema is first rewritten to the codec's own. Encode checks its output the same
// way, so it never returns an unreadable body.
//
// # Caching
//
// An id always means the same schema, and a subject's schema always has the same id. Each
// is therefore requested once per process. Ids belong to one registry: data of one
// registry can't be read with another.
package wire
