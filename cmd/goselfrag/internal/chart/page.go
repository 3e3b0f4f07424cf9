package chart

import (
	_ "embed"
	"html/template"
)

// pageText holds the common templates of pages: "head" takes the title, "facts" a list of
// [Fact], "plots" a list of [Plot]. A page refers to no other file: it has no script, font
// or address. Package html/template escapes all data.
//
//go:embed page.html
var pageText string

// Fact is a line of a list of names and values.
type Fact struct{ Name, Value string }

// Page returns the template of a page, which may use those of this package.
func Page(text string) *template.Template {
	return template.Must(template.Must(template.New("page").Parse(pageText)).New("whole").Parse(text))
}
