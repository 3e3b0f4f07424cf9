package chart

import (
	_ "embed"
	"html/template"
)

// pageText holds what pages have in common: "head" takes the title, "facts" a list of
// [Fact], "plots" a list of [Plot]. A page needs nothing but itself: no script, no font and
// no address of anything. Package html/template escapes whatever comes from data.
//
//go:embed page.html
var pageText string

// Fact is a line of a list of names and values.
type Fact struct{ Name, Value string }

// Page returns the template of a page, which may use those of this package.
func Page(text string) *template.Template {
	return template.Must(template.Must(template.New("page").Parse(pageText)).New("whole").Parse(text))
}
