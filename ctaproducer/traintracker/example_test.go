package traintracker_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"time"

	"github.com/seed-921eec07/ctalive/cta"
	"github.com/seed-921eec07/ctalive/ctaproducer/traintracker"
)

// printer is a sink that prints. The usual one is ctaproducer's Emitter, which sends
// to Kafka.
type printer struct {
	net  *cta.Network
	done context.CancelFunc
}

func (p printer) Arrive(_ context.Context, _ time.Time, a cta.Arrival) error {
	fmt.Println(a.Line, "train at", p.net.Station(a.StationID).Name, "towards", p.net.Station(*a.Destination).Name)
	p.done()
	return nil
}

// A train whose next station was Loyola, and is Morse in the next answer, has come to Loyola.
func ExampleSource() {
	net := cta.Chicago()
	next := []string{"41300", "40100"}
	calls := 0
	tracker := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		now := time.Now().In(net.Location).Format("2006-01-02T15:04:05")
		train := map[string]string{"rn": "813", "destSt": "30173", "trDr": "1", "nextStaId": next[min(calls, 1)], "prdt": now, "isApp": "1"}
		calls++
		json.NewEncoder(w).Encode(map[string]any{"ctatt": map[string]any{"tmst": now, "errCd": "0",
			"route": map[string]any{"@name": "red", "train": train}}})
	}))
	defer tracker.Close()

	source, err := traintracker.New(net, traintracker.Config{Key: "from the CTA", URL: tracker.URL, Every: 5 * time.Second})
	if err != nil {
		fmt.Println(err)
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	fmt.Println("stopped:", source.Run(ctx, printer{net, cancel}))
	// Output:
	// red train at Loyola towards Howard
	// stopped: <nil>
}
