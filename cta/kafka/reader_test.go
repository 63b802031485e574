package kafka

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestWhatIsSentIsRead(t *testing.T) {
	_, c := newPair(t)
	ensure(t, c, EventTopic("one", 1), EventTopic("empty", 3))
	var want []string
	var records []Record
	for i := range 1000 {
		want = append(want, fmt.Sprint(i))
		records = append(records, text("one", want[i]))
	}
	send(t, c, records...)
	if d := cmp.Diff(want, values(readAll(t, c, Names("one", "empty"), FromStart()))); d != "" {
		t.Errorf("values (-want +got):\n%s", d)
	}
	if got := readAll(t, c, Names("one", "empty"), FromEnd()); len(got) != 0 {
		t.Errorf("from the end: %v", values(got))
	}
	last, err := c.Last(t.Context(), Names("one", "empty"))
	if err != nil || len(last) != 1 || string(last[0].Value) != "999" {
		t.Errorf("last: %v, %v", last, err)
	}
}
