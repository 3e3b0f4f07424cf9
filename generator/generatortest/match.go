package generatortest

import (
	"strings"

	"github.com/goselfrag/goselfrag/generator"
	"github.com/goselfrag/goselfrag/reflection"
)

// Match reports whether a rule is for a request. It is called with requests that
// passed [generator.Request.Check], by one goroutine at a time, and must not
// change them.
type Match func(req generator.Request) bool

// Asks matches prompts, tasks excluded, whose instruction or input contains s.
func Asks(s string) Match {
	return func(req generator.Request) bool {
		return req.Task == nil && (strings.Contains(req.Prompt.Instruction, s) || strings.Contains(req.Prompt.Input, s))
	}
}

// Shows matches prompts that show a passage whose title is s or whose text
// contains s.
func Shows(s string) Match {
	return func(req generator.Request) bool {
		for _, e := range req.Prompt.Evidence {
			if e.Title == s || strings.Contains(e.Text, s) {
				return true
			}
		}
		return false
	}
}

// Decides matches prompts that leave the choice whether to retrieve to the
// model: no evidence and nothing forced.
func Decides() Match {
	return func(req generator.Request) bool {
		return req.Task == nil && len(req.Prompt.Evidence) == 0 && req.Prompt.Force == reflection.None
	}
}

// Forces matches prompts whose Force is t.
func Forces(t reflection.Token) Match {
	return func(req generator.Request) bool { return req.Task == nil && req.Prompt.Force == t }
}

// Depth matches prompts with n segments before the one to generate.
func Depth(n int) Match {
	return func(req generator.Request) bool { return req.Task == nil && len(req.Prompt.Path) == n }
}

// Continues matches requests to continue after text, with control tokens as they
// are written. Empty text matches requests that begin the answer.
func Continues(text string) Match {
	return func(req generator.Request) bool { return written(req.After) == text }
}

// TaskNamed matches tasks whose template has the given name.
func TaskNamed(name string) Match {
	return func(req generator.Request) bool { return req.Task != nil && req.Task.Template.Name() == name }
}

// All matches requests that every one of list matches.
func All(list ...Match) Match {
	return func(req generator.Request) bool {
		for _, m := range list {
			if !m(req) {
				return false
			}
		}
		return true
	}
}
