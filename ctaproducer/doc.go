// Package ctaproducer emits the events of a transit network to Kafka: arrivals of
// trains, entries of riders, and the weather. It also simulates a whole network.
//
//	p, err := ctaproducer.NewProducer(client, registry, cta.Chicago(), ctaproducer.ProducerConfig{})
//	if err != nil {
//		return err // names every setting that is wrong
//	}
//	defer p.Close()
//	if err := p.Prepare(ctx); err != nil { // topics and schemas
//		return err
//	}
//	lake, err := p.Turnstile(40380)
//	if err != nil {
//		return err
//	}
//	return lake.Run(ctx, time.Now(), "blue", 3) // three riders enter at Clark/Lake
//
// A [Producer] has a [Station] and a [Turnstile] for every station of its network. Their
// Run methods emit arrivals and entries as Avro, to a topic for each station or to a
// shared one ([cta.Layout]). The key of an event holds the time at which the event happened;
// the record's timestamp is the time of sending. A [Weather] posts readings through a REST
// Proxy, as hardware that speaks HTTP only.
//
// Run of a [Station], a [Turnstile] or a [Weather] emits one event and returns: the name
// is that of the course. Every other Run in this module blocks until its context ends, and
// then returns nil.
//
// Close an Emitter before its Producer, and the Producer before the Kafka client.
//
// # Simulation
//
// A [Simulation] passes the events of a network to a [Sink] at any speed: in real time,
// faster, or as fast as the machine can. An [Emitter] is the sink that sends them to
// Kafka; your own sink needs no broker.
//
//   - Trains leave at the intended headways, or by the timetable. Without faults, headways
//     stay between 0.6 and 1.4 of the intended ones. Trains of a line never overtake; lines
//     that share tracks do not hinder one another.
//   - A train that breaks down arrives as broken_down. Once repaired, it arrives again at
//     the platform as in_service, and leaves.
//   - A train that is no longer needed sends out_of_service where its run has ended. A train
//     that turns arrives again, at the platform of the other direction.
//   - Riders enter by the station's ridership on such a day and the hour's share.
//   - The weather has Chicago's climate of the month, and is read every five minutes.
//     Precipitation slows trains, and moves riders inside the hour.
//   - At a closed station, trains pass without an event, and nobody enters.
//
// # Testing
//
// Package cta/ctatest gives a test its own topics on a broker in the process.
//
// # Guarantees
//
//   - An event that Run of a Station or Turnstile accepts is delivered once, in order for
//     its station. Otherwise the log, ctalive_kafka_send_errors_total and the next
//     [Producer.Flush] or [Producer.Close] report the loss.
//   - While the brokers are away, up to ProducerConfig.MaxBuffered events wait; then Run
//     blocks, and the clock of a simulation waits. An event that cannot be delivered within
//     two minutes is dropped.
//   - Weather readings are delivered at least once.
//   - A simulation with the same seed, network, start and faults yields the same events on
//     every platform and at every speed ([SimulationSummary.Digest]). It never skips one.
//   - Everything is safe for concurrent use.
package ctaproducer
