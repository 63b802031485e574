package alerts_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"time"

	"github.com/seed-921eec07/ctalive/cta"
	"github.com/seed-921eec07/ctalive/cta/alert"
	"github.com/seed-921eec07/ctalive/ctaproducer/alerts"
)

// printer is a sink that prints. The usual one is ctaproducer.AlertTable, a topic.
type printer struct{ stop context.CancelFunc }

func (p printer) Current(context.Context) (map[string]alert.Alert, error) { return nil, nil }

func (p printer) Put(_ context.Context, a alert.Alert) error {
	fmt.Printf("%s: %s (%s, lines:", a.ID, alert.In("en", a.Header).Text, a.Severity)
	for _, i := range a.Informed {
		fmt.Print(" ", i.Line)
	}
	fmt.Println(")")
	p.stop()
	return nil
}

func (p printer) End(_ context.Context, id string) error {
	fmt.Println(id, "is over")
	return nil
}

// An alert of the CTA, as its server sends it.
func ExampleSource() {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprint(w, `{"CTAAlerts": {"ErrorCode": "0", "Alert": [{
			"AlertId": "115", "Headline": "Brown Line trains stand", "SeverityScore": "55", "MajorAlert": "0",
			"EventStart": "2026-04-26T06:00:00", "TBD": "1",
			"ImpactedService": {"Service": {"ServiceType": "R", "ServiceId": "Brn", "ServiceName": "Brown Line"}}}]}}`)
	}))
	defer server.Close()

	source, err := alerts.New(cta.Chicago(), alerts.Config{URL: server.URL})
	if err != nil {
		fmt.Println(err)
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	fmt.Println("stopped:", source.Run(ctx, printer{cancel}))
	// Output:
	// 115: Brown Line trains stand (INFO, lines: brown)
	// stopped: <nil>
}
