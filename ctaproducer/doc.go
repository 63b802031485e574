// Package ctaproducer emits the events of a transit network to Kafka: trains that
// arrive, riders who enter, the weather, and the rows of the stations table. It
// also simulates a whole network, so that there is something to emit.
//
//	p, err := ctaproducer.New(client, registry, cta.Chicago(), ctaproducer.Config{})
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
// A [Producer] has a [Station] and a [Turnstile] for every station of its
// network, whose Run methods emit arrivals and entries as Avro, to a topic for
// each station or to a shared one ([cta.Layout]). The key of an event is the time
// at which it happened; the record's own timestamp is the time of sending.
//
// [Weather] is hardware that speaks HTTP only: it posts through a REST Proxy.
//
// # The stations table
//
// The rows of PostgreSQL's table come to Kafka by Kafka Connect, whose connector
// a [Connector] creates, checks and deletes; or without Kafka Connect by a
// [StationSource], which writes the same bytes, and which sends the network's own
// rows when there is no database either. [CreateStations] creates and fills the
// table.
//
// # Simulation
//
// A [Simulation] is the life of a network as a stream of events, passed to a
// [Sink] at any speed: in real time, faster, or as fast as the machine can. An
// [Emitter] is the sink that sends them to Kafka.
//
//   - Trains are things with an identity, as BL012. They leave terminals by the
//     intended service of the hour ([cta.Pattern.HeadwayAt]), take the time that
//     distance, dwell and weather need, go round a loop in its running direction,
//     take branches in turn, and turn at the end of the line, or earlier where the
//     service does. A platform of a line and direction holds one train; none
//     overtakes another. Trains that get too close to the one ahead are held, late
//     ones hurry, so that in service without faults headways stay between
//     [MinHeadway] and [MaxHeadway] of what is intended. Lines don't hinder one
//     another where they share tracks.
//   - A train that breaks down is found so on arriving: the arrival says
//     broken_down, and a second one at the same platform in_service, after which it
//     leaves. Those behind wait. A train that is no longer needed says
//     out_of_service, with a further event where its run has ended. One that turns
//     arrives again, at the platform of the other direction.
//   - Riders enter each station by a Poisson process, at the rate of its ridership
//     on such a day times the hour's share. They come for a line that runs, the
//     likelier the more often it does.
//   - The weather is a Markov process by month, with Chicago's climate, read every
//     five minutes. Precipitation slows trains, and moves riders inside the hour.
//
// The model's figures that come from elsewhere name their source where they
// stand; the others are ours, chosen to look like ordinary service.
//
// # Guarantees
//
// What a Run method of Station or Turnstile accepts is delivered once and in
// order for its station, or reported by [Producer.Flush] or [Producer.Close].
// Memory is bounded: Run blocks while too many events wait. Weather readings and
// rows come at least once, which readers can't tell from once.
//
// A simulation with the same seed, network, start and faults gives the same
// events on every platform and at every speed, as [Summary.Digest] shows. It
// leaves no event out: when its sink is slow, its clock waits, and its log says so.
//
// While the brokers are away, events wait in the producer: as many as
// Config.MaxBuffered, then the clock waits. An event that can't be delivered within
// two minutes is given up, by the log at once, in ctalive_kafka_send_errors_total and
// by the next Flush or Close; the simulation goes on with what comes after.
//
// # Concurrency and closing
//
// Everything is safe for concurrent use. Run methods that go on until their
// context ends return nil then. Close an Emitter before its Producer, and that
// before the Kafka client.
//
// # Testing
//
// Package cta/ctatest gives a test topics of its own on a broker in the process;
// a Sink of your own takes a simulation's events without any.
package ctaproducer
