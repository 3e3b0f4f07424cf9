//go:build unix

package main

import (
	"syscall"
	"time"
)

const clock = "cpu"

// cpuTime is the processor time of this process so far.
func cpuTime() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		panic(err) // the arguments are always right
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
