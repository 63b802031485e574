package kafka

// Report is a producer's report.
type Report = report

// Report returns the counts so far.
func (p *Producer) Report() Report { return p.counts() }
