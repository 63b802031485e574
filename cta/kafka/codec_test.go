package kafka

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"testing"
)

type number struct{}

func (number) Encode(_ context.Context, _ string, v int) ([]byte, error) {
	if v < 0 {
		return nil, strconv.ErrRange
	}
	return []byte(strconv.Itoa(v)), nil
}

func (number) Decode(_ context.Context, _ string, data []byte) (int, error) {
	return strconv.Atoi(string(data))
}

func TestFormatErrorsSayWhich(t *testing.T) {
	f := Format[int, int]{number{}, number{}}
	r, err := f.Record(t.Context(), "t", 1, 2)
	if err != nil || r.Topic != "t" || string(r.Key) != "1" || string(r.Value) != "2" {
		t.Errorf("record %v, %v", r, err)
	}
	if k, v, err := f.Decode(t.Context(), r); k != 1 || v != 2 || err != nil {
		t.Errorf("decoded %d, %d, %v", k, v, err)
	}
	at := Record{Topic: "t", Partition: 3, Offset: 17}
	_, _, badBoth := f.Decode(t.Context(), at)
	at.Value = []byte("1")
	_, _, badKey := f.Decode(t.Context(), at)
	at.Key, at.Value = []byte("1"), nil
	_, _, badValue := f.Decode(t.Context(), at)
	_, noKey := f.Record(t.Context(), "t", -1, 1)
	_, noValue := f.Record(t.Context(), "t", 1, -1)
	for _, test := range []struct {
		err   error
		want  string
		cause error
	}{
		{badBoth, "value of record t/3@17: ", strconv.ErrSyntax},
		{badKey, "key of record t/3@17: ", strconv.ErrSyntax},
		{badValue, "value of record t/3@17: ", strconv.ErrSyntax},
		{noKey, "key for t: ", strconv.ErrRange},
		{noValue, "value for t: ", strconv.ErrRange},
	} {
		if test.err == nil || !strings.HasPrefix(test.err.Error(), test.want) || !errors.Is(test.err, test.cause) {
			t.Errorf("%v, want %q and its cause", test.err, test.want)
		}
	}
}
