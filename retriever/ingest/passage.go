package ingest

import (
	"context"
	"maps"
	"path"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/text/unicode/norm"

	"github.com/goselfrag/goselfrag/retriever"
	"github.com/goselfrag/goselfrag/retriever/filter"
)

// passages calls emit with the passages of the document in order until it returns
// false.
func (d *document) passages(ctx context.Context, name, format string, opts Options, n *notes, emit func(retriever.Passage) bool) error {
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
		title := n.join(d.titleOf(s, own))
		if opts.NFC {
			s.compose()
			title = norm.NFC.String(title)
		}
		more, failed := true, error(nil)
		err := opts.Split.cut(ctx, s.text, s.blocks(), func(u unit) bool {
			number++
			p := s.passage(name, u)
			p.ID = name + "#" + strconv.Itoa(number)
			p.Title = title
			p.Metadata = make(filter.Metadata, len(d.metadata)+4)
			maps.Copy(p.Metadata, d.metadata)
			p.Metadata["path"] = filter.String(name)
			p.Metadata["format"] = filter.String(format)
			p.Metadata["document"] = filter.String(own)
			p.Metadata["number"] = filter.Int(int64(number))
			more, failed = s.family(ctx, p, u, opts, emit)
			return more && failed == nil
		})
		if failed != nil {
			err = failed
		}
		if err != nil || !more {
			return err
		}
		*s = section{} // its passages have what they need of it
	}
	return nil
}

// passage returns a passage with the fields that follow from the text of s.
func (s *section) passage(name string, u unit) retriever.Passage {
	from, to := s.source(u.start, u.end)
	return retriever.Passage{
		Text:   s.text[u.start:u.end],
		Source: retriever.Source{URI: name, Start: from, End: to},
	}
}

// family emits p, the unit u of s, and then its children, if Options.Children is set. It
// reports whether emit returned true.
func (s *section) family(ctx context.Context, p retriever.Passage, u unit, opts Options, emit func(retriever.Passage) bool) (bool, error) {
	var children []unit
	if opts.Children != nil {
		err := opts.Children.cut(ctx, s.text, s.blocksIn(TextRange{u.start, u.end}), func(c unit) bool {
			children = append(children, c)
			return true
		})
		if err != nil {
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
		c.Metadata = filter.Metadata{parentKey: filter.String(p.ID)}
		maps.Copy(c.Metadata, p.Metadata)
		if !emit(c) {
			return false, nil
		}
	}
	return true, nil
}

// titleOf returns the parts of a title: that of the document, own, and the headings above
// s. If the first heading of level 1 is the title of the document, the sections of other
// headings of level 1 are not below it.
func (d *document) titleOf(s *section, own string) []string {
	var headings []string
	top := 0
	for h := s.path; h != nil; h = h.above {
		headings = append(headings, h.text)
		top = h.level
	}
	var parts []string
	if d.title != "" || top != 1 {
		parts = append(parts, own)
	}
	for _, text := range slices.Backward(headings) {
		if len(parts) == 0 || parts[len(parts)-1] != text {
			parts = append(parts, text)
		}
	}
	return parts
}
