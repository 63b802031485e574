package restproxy

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strconv"
	"strings"
)

// request is the body of a request to produce.
type request struct {
	key, value schemaChoice
	records    []record
}

// schemaChoice is how a side of the records, keys or values, names its schema.
type schemaChoice struct {
	text string
	id   int // 0: none
}

func (s schemaChoice) given() bool { return s.text != "" || s.id != 0 }

type record struct {
	key, value json.RawMessage // nil for null
	partition  int32           // -1: by the key
}

// readRequest reads the body. Members are looked at one by one, because the
// contract has an answer of its own for unknown ones.
func readRequest(r *http.Request, partition int32) (request, error) {
	var req request
	body, err := io.ReadAll(r.Body)
	if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return req, refuse(http.StatusRequestEntityTooLarge, 413, "Request body is larger than %d bytes", maxBody)
	}
	if err != nil {
		return req, refuse(http.StatusBadRequest, 400, "Request body is broken off")
	}
	members, err := object(body, "")
	if err != nil {
		return req, err
	}
	var raw []json.RawMessage
	for name, v := range members {
		switch name {
		case "key_schema":
			err = member(v, name, &req.key.text)
		case "value_schema":
			err = member(v, name, &req.value.text)
		case "key_schema_id":
			err = member(v, name, &req.key.id)
		case "value_schema_id":
			err = member(v, name, &req.value.id)
		case "records":
			err = member(v, name, &raw)
		default:
			err = unrecognized(name)
		}
		if err != nil {
			return req, err
		}
	}
	if len(raw) == 0 {
		return req, refuse(http.StatusUnprocessableEntity, 422, "records may not be empty")
	}
	for _, s := range []schemaChoice{req.key, req.value} {
		if s.text != "" && s.id != 0 {
			return req, refuse(http.StatusBadRequest, 400, "Bad Request: give a schema or its id, not both")
		}
	}
	req.records = make([]record, len(raw))
	for i, v := range raw {
		if req.records[i], err = readRecord(v, i, partition); err != nil {
			return req, err
		}
	}
	return req, nil
}

func readRecord(data json.RawMessage, n int, partition int32) (record, error) {
	rec := record{partition: partition}
	where := "records[" + strconv.Itoa(n) + "]"
	members, err := object(data, where)
	if err != nil {
		return rec, err
	}
	for name, v := range members {
		switch name {
		case "key":
			rec.key = notNull(v)
		case "value":
			rec.value = notNull(v)
		case "partition":
			var p *int32
			if err := member(v, where+"."+name, &p); err != nil {
				return rec, err
			}
			if p == nil {
				continue
			}
			if *p < 0 {
				return rec, refuse(http.StatusUnprocessableEntity, 422, "%s.partition must be greater than or equal to 0", where)
			}
			rec.partition = *p
		default:
			return rec, unrecognized(name)
		}
	}
	return rec, nil
}

func unrecognized(name string) *fault {
	return refuse(http.StatusUnprocessableEntity, 422, "Unrecognized field: %s", name)
}

func object(data []byte, where string) (map[string]json.RawMessage, error) {
	var members map[string]json.RawMessage
	err := json.Unmarshal(data, &members)
	var syntax *json.SyntaxError
	switch {
	case errors.As(err, &syntax):
		return nil, refuse(http.StatusBadRequest, 400, "Malformed JSON at byte %d: %s", syntax.Offset, syntax.Error())
	case err != nil || members == nil:
		return nil, refuse(http.StatusBadRequest, 400, "%s must be a JSON object", strings.TrimSpace("the body "+where))
	}
	return members, nil
}

func member(data json.RawMessage, name string, v any) error {
	if err := json.Unmarshal(data, v); err != nil {
		return refuse(http.StatusBadRequest, 400, "%s has a value of the wrong type", name)
	}
	return nil
}

func notNull(data json.RawMessage) json.RawMessage {
	if bytes.Equal(data, []byte("null")) {
		return nil
	}
	return data
}
