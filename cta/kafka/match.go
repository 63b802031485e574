package kafka

import "slices"

// Match says whether a topic is meant. Topics that appear later are asked about too.
type Match func(topic string) bool

// Names returns a Match for just those topics.
func Names(topics ...string) Match {
	topics = slices.Clone(topics)
	return func(topic string) bool { return slices.Contains(topics, topic) }
}

// AnyOf returns a Match for topics that at least one of matches means.
func AnyOf(matches ...Match) Match {
	matches = slices.Clone(matches)
	return func(topic string) bool {
		return slices.ContainsFunc(matches, func(m Match) bool { return m(topic) })
	}
}
