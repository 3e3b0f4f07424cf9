// Package processor measures the processor time of a process, which says more than the clock
// where others use the processor, too.
package processor
