//go:build !linux

package check

import "time"

var processStart = time.Now()

// BootClock reads the monotonic clock, counted from the start of the process. Not every
// system counts time asleep on it, so that the nodes of a cluster belong on Linux.
func BootClock() Instant { return Instant(time.Since(processStart)) }
