package ask

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/goselfrag/goselfrag/internal/show"
	"github.com/goselfrag/goselfrag/retriever"
	"github.com/goselfrag/goselfrag/retriever/filter"
)

// checkFilter returns an error if no passage passes the filter, and says which of its
// fields no passage has. Without it a search would find nothing and give no reason.
func checkFilter(f filter.Expr, passages []retriever.Passage, stderr io.Writer) error {
	if f == nil {
		return nil
	}
	passes, err := filter.Compile(f)
	if err != nil {
		return err
	}
	n := 0
	known := map[string]bool{}
	for _, p := range passages {
		if passes(p.Metadata) {
			n++
		}
		for name := range p.Metadata {
			known[name] = true
		}
	}
	var missing []string
	for _, name := range fields(f, nil) {
		if !known[name] && !slices.Contains(missing, name) {
			missing = append(missing, name)
		}
	}
	about := ""
	if len(missing) > 0 {
		about = fmt.Sprintf("no passage has the field %s; there are %s", strings.Join(missing, ", "), listed(known))
	}
	if n == 0 {
		if about == "" {
			about = strings.Join(values(f, passages), "; ")
		}
		if about != "" {
			about = ": " + about
		}
		return fmt.Errorf("-filter: none of %s passes %s%s", counted(len(passages), "passage"), filter.Format(f), about)
	}
	fmt.Fprintf(stderr, "%d of %s pass the filter\n", n, counted(len(passages), "passage"))
	if about != "" {
		fmt.Fprintf(stderr, "-filter: %s\n", show.Clean(about))
	}
	return nil
}

// counted writes a number of things.
func counted(n int, thing string) string {
	if n != 1 {
		thing += "s"
	}
	return fmt.Sprintf("%d %s", n, thing)
}

func listed(names map[string]bool) string {
	if len(names) == 0 {
		return "none"
	}
	return strings.Join(slices.Sorted(maps.Keys(names)), ", ")
}

// fields appends the names of the fields that f looks at.
func fields(f filter.Expr, list []string) []string {
	switch f := f.(type) {
	case filter.And:
		for _, x := range f {
			list = fields(x, list)
		}
	case filter.Or:
		for _, x := range f {
			list = fields(x, list)
		}
	case filter.Not:
		return fields(f.Filter, list)
	case filter.Compare:
		return append(list, f.Field)
	case filter.In:
		return append(list, f.Field)
	case filter.Range:
		return append(list, f.Field)
	case filter.Exists:
		return append(list, f.Field)
	case filter.Prefix:
		return append(list, f.Field)
	}
	return list
}

// values names a few values of each field that f looks at.
func values(f filter.Expr, passages []retriever.Passage) []string {
	var list []string
	for _, name := range slices.Compact(slices.Sorted(slices.Values(fields(f, nil)))) {
		seen := map[string]bool{}
		for _, p := range passages {
			if v, ok := p.Metadata[name]; ok {
				seen[v.String()] = true
			}
		}
		some := slices.Sorted(maps.Keys(seen))
		more := ""
		if len(some) > 5 {
			some, more = some[:5], ", …"
		}
		list = append(list, fmt.Sprintf("%s is %s%s", name, strings.Join(some, ", "), more))
	}
	return list
}
