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
// A frame is a zero byte, the schema id in four bytes (big-endian), and the Avro body. Keys
// and values have frames and ids of their own. Subjects are named after the topic:
// "<topic>-key" and "<topic>-value". A null key or value has no frame.
//
// # Decoding
//
// Decode returns a [DecodeError] for the first of these faults; Reason is the metrics' label:
//
//	null, too short, wrong magic byte, schema id in GUID form
//	too large                   over 64 KiB
//	unknown schema id           the registry answers that it has none
//	schema that does not fit
//	body that does not fit      the error names the field
//	trailing bytes
//
// Every other error may be temporary, such as an unreachable registry or a 404 that is not
// the registry's own.
//
// The frame's id names the writer's schema. The codec resolves it to its own schema by
// field names:
//
//	names and namespaces   ignored, even illegal ones; docs, aliases and defaults too
//	field order            ignored
//	case of a field name   ignored if only one name fits: ksqlDB writes capitals
//	missing field          the codec's default
//	unknown field          skipped, whatever its type, up to 1,000 values deep
//	timestamps             timestamp-micros and -nanos become milliseconds; a local-timestamp
//	                       cannot be read; other logical types are ignored
//	unions                 a branch that does not fit fails only the records that use it
//	numbers                converted where the value fits: a long to an int of 32 bits, a
//	                       double to the nearest float
//	enums                  a text is read as an enum by its symbol, and an enum as a text
//	references             up to 64 other schemas in the registry
//
// # Limits
//
// A codec's own schema cannot have maps or recursion: transit events need none, and the Avro
// library's decoders for them have known faults on hostile input. An array has at most 1,000
// items.
//
// # Guarantees
//
//   - Each body is checked against its schema before the Avro library reads it. Encode checks
//     its output the same way, and never returns an unreadable body.
//   - An id always means the same schema, and a subject's schema always has the same id: each
//     is requested once per process. Ids belong to one registry; another one cannot read them.
package wire
