//go:build !linux

package main

import "time"

var began = time.Now()

// processor returns the time since the start: there is no portable clock for less.
func processor() time.Duration { return time.Since(began) }
