package wire

import (
	"encoding/binary"
	"fmt"
)

// frameSize is the size of the header before the Avro body: a zero byte and the schema
// id, big-endian.
const frameSize = 5

func appendFrame(dst []byte, id int) []byte {
	return binary.BigEndian.AppendUint32(append(dst, 0), uint32(id))
}

// unframe returns the schema id and the Avro body of a frame, without copying. The
// error is a [*DecodeError].
func unframe(data []byte) (id int, body []byte, err error) {
	switch {
	case data == nil:
		return 0, nil, &DecodeError{Reason: ReasonNull}
	case len(data) > 0 && data[0] == 1:
		// Registries offer this form from version 8 on, but no client uses it by
		// default.
		return 0, nil, &DecodeError{Reason: ReasonGUID, Err: fmt.Errorf("found a first byte of 1, want 0 and the id in four bytes")}
	case len(data) > 0 && data[0] != 0:
		return 0, nil, &DecodeError{Reason: ReasonMagic, Err: fmt.Errorf("found a first byte of %#02x, want 0", data[0])}
	case len(data) < frameSize:
		return 0, nil, &DecodeError{Reason: ReasonShort, Err: fmt.Errorf("found %d bytes, want %d or more", len(data), frameSize)}
	}
	return int(binary.BigEndian.Uint32(data[1:frameSize])), data[frameSize:], nil
}
