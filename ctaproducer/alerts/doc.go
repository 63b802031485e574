// Package alerts reads an agency's alerts to riders and writes them to a topic: those of
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
//     A trip becomes its line and direction. A selector with an unknown id is dropped and
//     counted.
//   - An alert whose selectors are all unknown is dropped and counted: it must not apply to
//     everybody.
//   - Its texts become plain text within bounds, in each language of the feed.
//   - The CTA's alerts name no language: they are English. A station together with a line
//     means that line at that station. An end that is a date is the end of that day.
//
// # When an alert is over
//
// An alert is over once all its periods are, or once it has been missing from three
// answers and for five minutes. Failed calls do not count. After a restart, the source
// continues with the alerts in the topic, and writes only the changes.
//
// A topic has one source: a second one with another feed would end the first one's alerts.
//
// # Recordings
//
// Config.Record stores every answer, Config.Replay reads them: the same recording writes
// the same alerts.
package alerts
