package wire

import (
	"fmt"

	"github.com/hamba/avro/v2"
)

// ParseSchema returns an error that says why s is not an Avro schema.
func ParseSchema(s string) error {
	_, err := avro.ParseWithCache(s, "", &avro.SchemaCache{})
	return err
}

// Compatible returns nil when data written by one Avro schema can be read by
// another, and otherwise an error that says why not.
func Compatible(reader, writer string) error {
	// Caches of their own: by default parsed names are shared by the whole program,
	// so that two versions of a record would be taken for one.
	r, err := avro.ParseWithCache(reader, "", &avro.SchemaCache{})
	if err != nil {
		return fmt.Errorf("reader's schema: %w", err)
	}
	w, err := avro.ParseWithCache(writer, "", &avro.SchemaCache{})
	if err != nil {
		return fmt.Errorf("writer's schema: %w", err)
	}
	return avro.NewSchemaCompatibility().Compatible(r, w)
}
