package alert_test

import (
	"fmt"
	"time"

	"github.com/seed-921eec07/ctalive/cta/alert"
)

// An alert of an agency that publishes in two languages, for one evening of work.
func Example() {
	begin := time.Date(2026, 10, 7, 22, 0, 0, 0, time.UTC)
	a := alert.Alert{
		ID:       "work-17",
		Active:   []alert.Period{{From: begin.UnixMilli(), Until: begin.Add(4 * time.Hour).UnixMilli()}},
		Informed: []alert.Informed{{Line: "blue"}},
		Cause:    alert.CauseMaintenance,
		Effect:   alert.EffectReducedService,
		Severity: alert.SeverityWarning,
		Header:   []alert.Text{{Language: "en", Text: "Fewer trains tonight"}, {Language: "es", Text: "Menos trenes esta noche"}},
	}
	fmt.Println("plausible:", a.Check() == nil)
	fmt.Println(alert.In("es", a.Header).Text)
	for _, at := range []time.Time{begin.Add(time.Hour), begin.Add(5 * time.Hour)} {
		fmt.Println(at.Format("15:04"), "over:", a.Over(at))
	}

	// Output:
	// plausible: true
	// Menos trenes esta noche
	// 23:00 over: false
	// 03:00 over: true
}
