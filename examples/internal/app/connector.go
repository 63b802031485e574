package app

import (
	"cmp"

	"github.com/seed-921eec07/ctalive/ctaproducer/stations"
)

// usualPostgres is the database of the stack and of the course.
const usualPostgres = "postgres://cta_admin:chicago@127.0.0.1:5432/cta"

// NewConnector returns the connector on the worker of -connect that reads the
// database of -postgres: the usual one where that is empty.
func (s *Settings) NewConnector() (*stations.Connector, error) {
	s.Postgres = cmp.Or(s.Postgres, usualPostgres)
	access, err := s.access()
	if err != nil {
		return nil, err
	}
	cfg := s.Connector
	cfg.Access, cfg.ReplicationFactor = access, s.replication
	cfg.Postgres, cfg.Topics, cfg.Wait, cfg.Log, cfg.Metrics = s.Postgres, s.Topics, s.Wait, s.Log, s.Metrics
	return stations.NewConnector(s.Connect, cfg)
}
