// Package topicname has Kafka's rules for the names of topics.
package topicname

import "strings"

// Max is the limit of a name, in bytes.
const Max = 249

// Legal reports whether Kafka accepts name as a topic.
func Legal(name string) bool {
	return name != "" && name != "." && name != ".." && len(name) <= Max && LegalPart(name)
}

// LegalPart reports whether a topic's name may contain part.
func LegalPart(part string) bool {
	return !strings.ContainsFunc(part, func(r rune) bool {
		return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '.' || r == '-' || r == '_')
	})
}
