// Package alerts reads an agency's alerts to riders, and keeps them in a topic: those of
// the CTA, or of a GTFS-Realtime feed.
//
//	table, err := ctaproducer.NewAlertTable(client, registry, cta.Topics{})
//	if err != nil {
//		return err
//	}
//	defer table.Close()
//	source, err := alerts.New(cta.Chicago(), alerts.Config{})
//	if err != nil {
//		return err
//	}
//	return source.Run(ctx, table)
//
// # What an alert becomes
//
//   - Its selectors of riders become lines, directions, stations and modes of the network.
//     A trip becomes its line and direction. A selector with an id that the network lacks
//     is left out and counted, and so is an alert without any other: an alert is never
//     shown to everybody because its ids are wrong.
//   - Its texts become plain text within bounds, in each language of the feed.
//   - The CTA's alerts name no language: they are English. A station together with a line
//     means that line at that station. An end that is a date is the end of that day.
//
// # When an alert is over
//
// It is over once all its periods are, or once it has been missing from three answers and
// for five minutes: alerts flicker. A failed call says nothing. After a restart, the
// source goes on from what the topic holds, and writes only what has changed.
//
// A topic has one source: a second one with another feed would end the first one's alerts.
//
// # Recordings
//
// Config.Record keeps each answer, and Config.Replay takes them from there: the same
// recording writes the same alerts.
package alerts
