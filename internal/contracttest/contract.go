// Package contracttest runs the checks of a contract suite as subtests. It is what
// generatortest, retrievertest and critiquetest have in common.
package contracttest

import (
	"context"
	"errors"
	"testing"
)

// Check is one rule of a contract. Run returns what breaks it, or a
// [NotApplicable].
type Check struct {
	Name string
	Run  func(context.Context) error
}

// NotApplicable is returned by a check that has nothing to look at, or was left
// out, and says why.
type NotApplicable string

// Error implements error.
func (e NotApplicable) Error() string { return string(e) }

// Test runs every check as a subtest.
func Test(t *testing.T, checks []Check) {
	t.Helper()
	for _, c := range checks {
		t.Run(c.Name, func(t *testing.T) { report(t, c.Run(t.Context())) })
	}
}

// report takes a part of testing.T, so that it can be tested.
func report(t interface {
	Skip(...any)
	Error(...any)
}, err error) {
	var none NotApplicable
	switch {
	case errors.As(err, &none):
		t.Skip(none)
	case err != nil:
		t.Error(err)
	}
}
