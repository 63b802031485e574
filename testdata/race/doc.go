// Package race tells tests whether the race detector is on. What one goroutine computes
// is ten times slower then and shows nothing new, so that long simulations may do less.
package race
