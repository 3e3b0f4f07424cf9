//go:build !linux

package processor

import "time"

var began = time.Now()

// Time returns the time since the start: there is no portable clock for less.
func Time() time.Duration { return time.Since(began) }
