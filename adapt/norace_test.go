//go:build !race

package adapt

const racing = false
