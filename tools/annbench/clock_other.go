//go:build !unix

package main

import "time"

const clock = "wall"

var start = time.Now()

// cpuTime is wall-clock time here: what the system counts for a process is too coarse.
func cpuTime() time.Duration { return time.Since(start) }
