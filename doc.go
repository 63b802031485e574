// Package ctalive is a live transit status system on Kafka. Its parts are
// packages of their own.
package ctalive
