package ctaweb

import (
	"fmt"
	"testing"
	"time"

	"github.com/seed-921eec07/ctalive/cta"
	"github.com/seed-921eec07/ctalive/cta/ctatest"
	"github.com/seed-921eec07/ctalive/cta/kafka"
)

// Of a query that counts by station and line, a page shows the sum over the
// lines, in whichever order their records come.
func TestConsumeAddsUpCountsByLine(t *testing.T) {
	sys := ctatest.Start(t)
	ensureTables(t, sys)
	now := time.Now()
	for _, r := range []struct {
		key, value string
		at         time.Time
	}{
		{`{"STATION_ID":40380,"LINE":"blue"}`, `{"COUNT":3}`, now},
		{`{"STATION_ID":40380,"LINE":"green"}`, `{"COUNT":4}`, now.Add(-time.Minute)},
		{`{"STATION_ID":40380,"LINE":"brown"}`, `{"COUNT":5}`, now.Add(-time.Second)},
	} {
		sys.Send(kafka.Record{Topic: sys.Topics.TurnstileSummary(), Key: []byte(r.key), Value: []byte(r.value), Time: r.at})
	}
	m := NewModel(cta.Chicago())
	consuming(t, sys, m, ConsumeConfig{})
	await(t, sys, m, "the sum of three lines", func(s *Status) (string, bool) {
		for _, l := range s.Lines {
			for _, st := range l.Stations {
				if st.ID == 40380 {
					return fmt.Sprintf("%d entries", st.Entries), st.Entries == 12
				}
			}
		}
		return "no such station", false
	})
}
