package wire

import (
	"fmt"

	"github.com/hamba/avro/v2"
)

// ParseSchema returns an error if s is not an Avro schema.
func ParseSchema(s string) error {
	_, err := parse(s)
	return err
}

// Compatible returns an error if data written with the writer's schema can't be read
// with the reader's.
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
