// Package wire turns values into the bytes of Kafka records and back: framed
// Avro with a Schema Registry, plain JSON, text. It is the one place where bytes
// on the wire are made, and knows nothing of Kafka.
//
//	registry, err := wire.NewRegistry(wire.RegistryConfig{URL: "http://127.0.0.1:8081"})
//	if err != nil {
//		return err // lists every wrong setting
//	}
//	values, err := wire.AvroValue[cta.Weather](registry, schemas.WeatherValue)
//	if err != nil {
//		return err
//	}
//	data, err := values.Encode(ctx, "org.chicago.cta.weather", cta.Weather{Temperature: 40.5, Status: cta.Sunny})
//
// # Frames
//
// A frame is a zero byte, the schema's id in four bytes, big-endian, and the Avro
// body. Keys and values are framed each with an id of their own. Subjects are
// named after the topic: "<topic>-key" and "<topic>-value". A null key or value
// is never framed.
//
// # What is read and what is not
//
// The schema that wrote a value is the one of the id in its frame. The codec
// resolves that schema to its own by the names of fields:
//
//   - Names and namespaces of records, enums and fixed types make no difference,
//     and need not be legal. Docs, aliases and the writer's defaults make none either.
//   - A moment in microseconds or nanoseconds (timestamp-micros, timestamp-nanos) is
//     read in milliseconds. A local-timestamp has no time zone: such a field is not
//     read. Other logical types make no difference.
//   - A schema may refer to others of its registry, 64 at most.
//   - A field may be at any place. A field that differs in case alone is found when
//     there is only one of that name: ksqlDB writes names in capitals.
//   - Fields that the codec doesn't know are skipped, of whatever type: lists and
//     trees, too, of up to 1,000 values within one another.
//   - A field that the writer lacks takes the codec's default.
//   - A union is read branch by branch: null where the codec wants a value fits no
//     more than text where it wants a number.
//   - Numbers are converted where the value fits: a long to an int within 32 bits, a
//     double to the nearest float. A text is read as an enum by its symbol, and an
//     enum as a text.
//
// In this order, a record is refused with a [DecodeError] when it is null, has
// another first byte than zero, is too short, is over 64 KiB, has an id that the
// registry doesn't know; when the schema of that id does not fit; when the body does
// not fit its schema or a value does not fit its field, which the error names; when
// bytes are left over. A registry that can't be reached, or a 404 that is not the
// registry's own, is no DecodeError: the same record may be read later.
//
// Every body is held against its schema before the Avro library sees it, and so
// is what Encode makes: nothing is written that could not be read. The library
// decodes bodies of the codec's own schema only; a body of another schema is
// rewritten to that first.
//
// A codec's own schema can't have arrays, maps or recursion. The events of a
// transit system need none, and the Avro library's decoders for them have known
// faults on hostile input.
//
// # Caching
//
// An id means one schema for ever, and a subject's schema has one id for ever, so
// both are asked for once in a program's life. Ids are a registry's own: data of
// one registry can't be read with another.
package wire
