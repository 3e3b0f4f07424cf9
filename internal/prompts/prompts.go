package prompts

import (
	"cmp"
	"slices"

	"github.com/goselfrag/goselfrag/generator"
)

// Prompt is one prompt of the library in its default form.
type Prompt struct {
	// Name is the template's name in traces, different for each prompt.
	Name string
	// Package is the import path of the package that has it.
	Package string
	// Use says what the prompt asks for, and when.
	Use string
	// Replace says how to replace the prompt. It names the permitted placeholders if they
	// need not be exactly those of the default.
	Replace string
	// Hash identifies its text in traces.
	Hash string
	// Placeholders are the names of the data in it, sorted.
	Placeholders []string
	// Messages are its texts, placeholders unfilled. The layout of a model that
	// continues one string is one message without a role.
	Messages []generator.Message
	// Template is the prompt itself. It is zero for a layout, which is no TaskTemplate
	// but a generator.PromptTemplate.
	Template generator.TaskTemplate
}

// All returns every prompt, sorted by name. The list is the caller's.
func All() []Prompt {
	list := slices.Concat(answers(), layouts(), judgments(), rewritings(), others())
	slices.SortFunc(list, func(a, b Prompt) int { return cmp.Compare(a.Name, b.Name) })
	return list
}

// task is a prompt that is a task template.
func task(pkg string, t generator.TaskTemplate, use, replace string) Prompt {
	return Prompt{
		Name: t.Name(), Package: module + pkg, Use: use, Replace: replace,
		Hash: t.Hash(), Placeholders: t.Placeholders(), Messages: t.Messages(), Template: t,
	}
}
