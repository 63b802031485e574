// Package kafka is the system's one seam over its Kafka client.
package kafka
