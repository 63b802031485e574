package ctaproducer

import (
	"context"
	"fmt"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/seed-921eec07/ctalive/cta"
)

// Station is a station's sensor of trains. It comes from [Producer.Station], and
// is safe for concurrent use.
type Station struct {
	producer  *Producer
	station   *cta.Station
	topic     string
	partition []byte
	emitted   prometheus.Counter
}

// Run emits one arrival at the given event time to the station's topic. Run returns once
// the arrival is accepted for delivery, and blocks while too many wait. [Producer.Flush]
// and [Producer.Close] return delivery failures. An arrival at another station is an
// error.
func (s *Station) Run(ctx context.Context, at time.Time, a cta.Arrival) error {
	if a.StationID != s.station.ID {
		return fmt.Errorf("ctaproducer: arrival at station %d passed to station %s: use Producer.Station(%d)", a.StationID, s.station.Slug(), a.StationID)
	}
	r, err := s.producer.arrivals.Record(ctx, s.topic, cta.KeyAt(at), a)
	if err == nil {
		r.PartitionBy = s.partition
		err = s.producer.out.Send(ctx, r, nil)
	}
	if err != nil {
		return fmt.Errorf("ctaproducer: arrival at %s: %w", s.station.Slug(), err)
	}
	s.emitted.Inc()
	return nil
}
