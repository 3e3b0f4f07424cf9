package ingest

import (
	"context"
	"maps"
	"path"
	"sort"
	"strconv"
	"strings"

	"golang.org/x/text/unicode/norm"

	"github.com/goselfrag/goselfrag/retriever"
)

// passages calls emit with the passages of the document in order until it returns
// false.
func (d *document) passages(ctx context.Context, name, format string, opts Options, emit func(retriever.Passage) bool) error {
	own := d.title
	if own == "" {
		own = d.first
	}
	if own == "" {
		own = strings.TrimSuffix(path.Base(name), path.Ext(name))
	}
	number := 0
	for i := range d.sections {
		s := &d.sections[i]
		title := d.titleOf(s, own)
		if opts.NFC {
			s.compose()
			title = norm.NFC.String(title)
		}
		units, err := opts.Split.cut(ctx, s.text, s.blocks)
		if err != nil {
			return err
		}
		for _, u := range units {
			number++
			p := s.passage(name, u)
			p.ID = name + "#" + strconv.Itoa(number)
			p.Title = title
			p.Metadata = retriever.Metadata{
				"path":     retriever.String(name),
				"format":   retriever.String(format),
				"document": retriever.String(own),
				"number":   retriever.Int(int64(number)),
			}
			if more, err := s.family(ctx, p, u, opts, emit); err != nil || !more {
				return err
			}
		}
	}
	return nil
}

// passage returns what the text of s itself gives of a passage.
func (s *section) passage(name string, u unit) retriever.Passage {
	from, to := s.source(u.start, u.end)
	return retriever.Passage{
		Text:   s.text[u.start:u.end],
		Source: retriever.Source{URI: name, Start: from, End: to},
	}
}

// family emits p, which is the unit u of s, and then its children, if there are to
// be any. It reports whether emit wants more.
func (s *section) family(ctx context.Context, p retriever.Passage, u unit, opts Options, emit func(retriever.Passage) bool) (bool, error) {
	var children []unit
	if opts.Children != nil {
		var err error
		if children, err = opts.Children.cut(ctx, s.text, s.clip(u)); err != nil {
			return false, err
		}
	}
	if !emit(p) {
		return false, nil
	}
	for k, u := range children {
		c := s.passage(p.Source.URI, u)
		c.ID = p.ID + "." + strconv.Itoa(k+1)
		c.Title = p.Title
		c.Metadata = retriever.Metadata{parentKey: retriever.String(p.ID)}
		maps.Copy(c.Metadata, p.Metadata)
		if !emit(c) {
			return false, nil
		}
	}
	return true, nil
}

// clip returns the blocks of s as far as they are in u.
func (s *section) clip(u unit) []block {
	first := sort.Search(len(s.blocks), func(i int) bool { return s.blocks[i].end > u.start })
	var out []block
	for _, b := range s.blocks[first:] {
		if b.start >= u.end {
			break
		}
		b.start, b.end = max(b.start, u.start), min(b.end, u.end)
		out = append(out, b)
	}
	return out
}

// titleOf joins the title of the document, own, and the headings above s. A
// document that is titled by its first heading of level 1 may have others, whose
// sections are not below the first.
func (d *document) titleOf(s *section, own string) string {
	var parts []string
	if d.title != "" || len(s.path) == 0 || s.path[0].level > 1 {
		parts = append(parts, own)
	}
	for _, h := range s.path {
		if len(parts) == 0 || parts[len(parts)-1] != h.text {
			parts = append(parts, h.text)
		}
	}
	return strings.Join(parts, " > ")
}
