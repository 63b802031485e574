package wire

import (
	"fmt"

	"github.com/hamba/avro/v2"
)

// ParseSchema returns an error that says why s is not an Avro schema.
func ParseSchema(s string) error {
	_, err := parse(s)
	return err
}

// Compatible returns nil when data written by one Avro schema can be read by
// another, and otherwise an error that says why not.
func Compatible(reader, writer string) error {
	r, err := parse(reader)
	if err != nil {
		return fmt.Errorf("reader's schema: %w", err)
	}
	w, err := parse(writer)
	if err != nil {
		return fmt.Errorf("writer's schema: %w", err)
	}
	return avro.NewSchemaCompatibility().Compatible(r, w)
}
