package ctaproducer

import (
	"math/bits"
	"math/rand/v2"
	"time"
)

// The streams of random numbers that one seed gives: a change in how one part
// draws leaves the others' numbers alone.
const (
	streamTrains uint64 = iota + 1
	streamRiders
	streamWeather
)

// source draws from one stream. It uses only the generator itself, whose
// numbers are fixed for ever, and integers: the distributions of math/rand/v2
// may change with a Go version, and floating-point ones with the processor.
type source struct{ pcg *rand.PCG }

func newSource(seed, stream uint64) source { return source{rand.NewPCG(seed, stream)} }

// below returns a uniform number in [0, n), for n > 0.
func (s source) below(n uint64) uint64 {
	hi, lo := bits.Mul64(s.pcg.Uint64(), n)
	// The low part being small is the only case in which some numbers would come
	// more often than others.
	for lo < n && lo < -n%n {
		hi, lo = bits.Mul64(s.pcg.Uint64(), n)
	}
	return hi
}

// between returns a uniform time in [lo, hi], in whole milliseconds.
func (s source) between(lo, hi time.Duration) time.Duration {
	n := uint64((hi - lo) / time.Millisecond)
	return lo.Truncate(time.Millisecond) + time.Duration(s.below(n+1))*time.Millisecond
}

// exponential returns a number of the exponential distribution of mean 1, as a
// fixed-point number with 32 bits after the point.
//
// It is von Neumann's method, which needs comparisons only: the length of a
// descending run of uniform numbers that starts at x is odd with probability
// e^-x; when it is even, the result lies one further on, and all starts again.
func (s source) exponential() uint64 {
	for whole := uint64(0); ; whole++ {
		first := s.pcg.Uint64()
		odd := true
		for last := first; ; odd = !odd {
			u := s.pcg.Uint64()
			if u >= last {
				break
			}
			last = u
		}
		if odd {
			return whole<<32 | first>>32
		}
	}
}

func (s source) exponentialGap(mean time.Duration) time.Duration {
	hi, lo := bits.Mul64(s.exponential(), uint64(mean))
	return time.Duration(hi<<32 | lo>>32)
}
