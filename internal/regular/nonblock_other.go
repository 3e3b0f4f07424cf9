//go:build !unix

package regular

// nonblock is of no use where no file can be a pipe.
const nonblock = 0
