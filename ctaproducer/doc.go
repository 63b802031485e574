// Package ctaproducer emits the events of a transit network to Kafka: arrivals of
// trains, entries of riders, and the weather. It also simulates a whole network as a
// source of events.
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
// # Events
//
// A [Producer] has a [Station] and a [Turnstile] for every station of its network.
// Their Run methods emit arrivals and entries as Avro, to a topic for each station or
// to a shared one ([cta.Layout]). The key of an event is the time at which it happened;
// the record's timestamp is the time of sending.
//
// Run of a [Station], a [Turnstile] or a [Weather] emits one event and returns: the name
// is that of the course. Every other Run in this module blocks until its context ends.
//
// [Weather] simulates hardware that speaks HTTP only: it posts through a REST Proxy.
//
// # The stations table
//
// Package [github.com/seed-921eec07/ctalive/ctaproducer/stations] brings its rows to Kafka:
// from a network, from PostgreSQL, or by Kafka Connect.
//
// # Simulation
//
// A [Simulation] passes the events of a network to a [Sink] at any speed: in real time,
// faster, or as fast as the machine can. An [Emitter] is the sink that sends them to
// Kafka.
//
// Trains have an identity, such as BL012. They leave terminals at the intended headway of
// the hour ([cta.Pattern.HeadwayAt]), take branches in turn, and turn where the service
// does. Distance, dwell and weather determine their running time. A train never overtakes
// another of its line. Trains too close to the one ahead are held, and late trains hurry:
// without faults, headways stay between 0.6 and 1.4 of the intended ones. Lines that share
// tracks don't hinder one another.
//
// The status of a train changes at its arrivals:
//
//   - A train that breaks down arrives as broken_down, and those behind it wait. Once
//     repaired, it sends a second arrival at the same platform as in_service, and leaves.
//   - A train that is no longer needed sends out_of_service, as a further event where its
//     run has ended.
//   - A train that turns arrives again, at the platform of the other direction.
//
// Riders enter each station by a Poisson process: the station's ridership on such a day
// times the hour's share. They choose among the lines in service, in favor of the more
// frequent. The weather has Chicago's climate of the month, and is read every five minutes.
// Precipitation slows trains, and moves riders inside the hour.
//
// # Guarantees
//
// An event that a Run method of Station or Turnstile accepts is delivered once, in order
// for its station. If it isn't, [Producer.Flush] or [Producer.Close] reports it. Memory
// is bounded: Run blocks while too many events wait. Weather readings are
// delivered at least once; readers can't tell a repetition from a single delivery.
//
// A simulation with the same seed, network, start and faults yields the same events on
// every platform and at every speed ([SimulationSummary.Digest]). It never skips an event:
// its clock waits for its sink. Trains pass closed stations without an event, and nobody
// enters there.
//
// While the brokers are away, up to ProducerConfig.MaxBuffered events wait in the producer;
// then the clock waits. An event that can't be delivered within two minutes is dropped. The
// log, ctalive_kafka_send_errors_total and the next Flush or Close report the loss. The
// simulation continues with the next events.
//
// # Concurrency and closing
//
// Everything is safe for concurrent use. Run methods without an end of their own return
// nil when their context ends. Close an Emitter before its Producer, and the Producer
// before the Kafka client.
//
// # Testing
//
// Package cta/ctatest gives a test its own topics on a broker in the process. Your own
// Sink receives a simulation's events without a broker.
package ctaproducer
