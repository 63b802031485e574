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
// A value is read by the schema it was written with, whose id it bears, and
// resolved to the codec's own by Avro's rules: fields that the codec doesn't know
// are skipped, those it misses take their defaults. In this order, a record is
// refused with a [DecodeError] when it is null, has another first byte than zero,
// is too short, is over 64 KiB, has an id that the registry doesn't know; when the
// schema of that id has an array or a map, is recursive or does not fit; when the
// body does not fit its schema, or has a symbol that the codec's enum lacks; when
// bytes are left over. A registry that can't be reached, or a 404 that is not the
// registry's own, is no DecodeError: the same record may be read later.
//
// Every body is held against its schema before the Avro library sees it, and so
// is what Encode makes: nothing is written that could not be read.
//
// Schemas with arrays, maps or recursion are refused for encoding too. The events
// of a transit system need none, and the Avro library's decoders for them have
// known faults on hostile input.
//
// # Caching
//
// An id means one schema for ever, and a subject's schema has one id for ever, so
// both are asked for once in a program's life. Ids are a registry's own: data of
// one registry can't be read with another.
package wire
