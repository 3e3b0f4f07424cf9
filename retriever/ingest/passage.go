package ingest

import (
	"path"
	"strconv"
	"strings"
	"unicode"

	"github.com/goselfrag/goselfrag/internal/sentence"
	"github.com/goselfrag/goselfrag/retriever"
)

// unit is what passages are made of: a sentence or a line of code, the bytes of
// its section's text from start to end.
type unit struct{ start, end, words int }

func (d *document) passages(name, format string, maxWords int) []retriever.Passage {
	own := d.title
	if own == "" {
		own = d.first
	}
	if own == "" {
		own = strings.TrimSuffix(path.Base(name), path.Ext(name))
	}
	var out []retriever.Passage
	for i := range d.sections {
		s := &d.sections[i]
		title := d.titleOf(s, own)
		for _, u := range pack(s.units(), maxWords) {
			number := len(out) + 1
			from, to := s.source(u.start, u.end)
			out = append(out, retriever.Passage{
				ID:    name + "#" + strconv.Itoa(number),
				Title: title,
				Text:  s.text[u.start:u.end],
				Metadata: retriever.Metadata{
					"path":     retriever.String(name),
					"format":   retriever.String(format),
					"document": retriever.String(own),
					"number":   retriever.Int(int64(number)),
				},
				Source: retriever.Source{URI: name, Start: from, End: to},
			})
		}
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

func (s *section) units() []unit {
	var out []unit
	sentences := func(start, end int) {
		for _, p := range sentence.Split(s.text[start:end]) {
			out = append(out, unit{start + p.Start, start + p.End, sentence.Count(p.Of(s.text[start:end]))})
		}
	}
	for _, b := range s.blocks {
		if !b.code {
			sentences(b.start, b.end)
			continue
		}
		start := b.start
		for line := range strings.Lines(s.text[b.start:b.end]) {
			code := strings.TrimRightFunc(line, unicode.IsSpace)
			if n := sentence.Count(code); n > sentence.MaxWords {
				sentences(start, start+len(code))
			} else if n > 0 {
				out = append(out, unit{start, start + len(code), n})
			}
			start += len(line)
		}
	}
	return out
}

// pack joins neighbouring units to passages of at most maxWords words, as few and
// as like in length as it can without looking back. A longer unit stays alone.
func pack(units []unit, maxWords int) []unit {
	left := 0
	for _, u := range units {
		left += u.words
	}
	var out []unit
	for i := 0; i < len(units); {
		passages := (left + maxWords - 1) / maxWords
		target := left / passages
		p := units[i]
		for i++; i < len(units); i++ {
			u := units[i]
			if p.words+u.words > maxWords || p.words+u.words/2 > target {
				break
			}
			p.end = u.end
			p.words += u.words
		}
		left -= p.words
		out = append(out, p)
	}
	return out
}
