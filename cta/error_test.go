package cta

import (
	"errors"
	"testing"
)

func TestServiceErrorSaysWhereAndWhatToDo(t *testing.T) {
	refused := errors.New("connection refused")
	for _, c := range []struct {
		err  *ServiceError
		want string
	}{
		{&ServiceError{Service: "schema registry", Addr: "127.0.0.1:8081", Hint: "start it", Err: refused},
			"schema registry at 127.0.0.1:8081: connection refused (start it)"},
		{&ServiceError{Service: "Kafka", Addr: "127.0.0.1:9092", Err: refused},
			"Kafka at 127.0.0.1:9092: connection refused"},
	} {
		if got := c.err.Error(); got != c.want || !errors.Is(c.err, refused) {
			t.Errorf("error is %s, want %s", got, c.want)
		}
	}
}
