package ingest

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"path"
	"strings"

	"github.com/bmatcuk/doublestar/v4"
)

// excludeFile is the name of the files that say what is not read.
const excludeFile = ".goselfragignore"

// maxExclude is how many bytes such a file has at most.
const maxExclude = 1 << 20

// exclusions are lines of a .gitignore file, in their order.
type exclusions []exclusion

type exclusion struct {
	pattern string // of doublestar
	negated bool   // takes back what others exclude
	folders bool   // is about folders only
	name    bool   // is about the last part of a path
}

// add adds a line. The error wraps ErrPattern.
func (r *exclusions) add(line string) error {
	line = trimSpaces(line)
	if line == "" || line[0] == '#' {
		return nil
	}
	var x exclusion
	line, x.negated = strings.CutPrefix(line, "!")
	line, x.folders = strings.CutSuffix(line, "/")
	x.name = !strings.Contains(line, "/")
	line = strings.TrimPrefix(line, "/")
	if line == "" {
		return nil
	}
	x.pattern = glob(line)
	if !doublestar.ValidatePattern(x.pattern) {
		return ErrPattern
	}
	*r = append(*r, x)
	return nil
}

// trimSpaces removes spaces from the end of a line, but one that a backslash is before.
func trimSpaces(line string) string {
	end := 0
	for i := 0; i < len(line); i++ {
		switch {
		case line[i] == '\\' && i+1 < len(line):
			i++
			end = i + 1
		case line[i] != ' ':
			end = i + 1
		}
	}
	return line[:end]
}

// glob turns a pattern of git into one of doublestar. In git's, braces are characters, a
// class may begin with "]", three stars are as two, and two at the end match at least one
// name.
func glob(line string) string {
	var b strings.Builder
	for i := 0; i < len(line); i++ {
		switch c := line[i]; {
		case c == '\\' && i+1 < len(line):
			b.WriteByte(c)
			i++
		case c == '{' || c == '}' || c == ']' && opens(line[:i]):
			b.WriteByte('\\')
		case c == '*' && strings.HasPrefix(line[i:], "***"):
			continue
		}
		b.WriteByte(line[i])
	}
	if pattern := b.String(); strings.HasSuffix(pattern, "/**") {
		return pattern + "/*"
	}
	return b.String()
}

// opens reports whether a pattern ends with the beginning of a class.
func opens(pattern string) bool {
	pattern = strings.TrimRight(pattern, "!^")
	return strings.HasSuffix(pattern, "[") && !strings.HasSuffix(pattern, "\\[")
}

// match returns whether the last rule that matches a path, relative to the folder of the
// exclusions, excludes it, and whether there is one.
func (r exclusions) match(name string, folder bool) (excluded, found bool) {
	for i := len(r) - 1; i >= 0; i-- {
		x := r[i]
		text := name
		if x.name {
			text = path.Base(name)
		}
		if (folder || !x.folders) && doublestar.MatchUnvalidated(x.pattern, text) {
			return !x.negated, true
		}
	}
	return false, false
}

// excludes reports whether a file or a folder is excluded; its parents are not.
func (l *lister) excludes(name string, folder bool) bool {
	// The walk has left the folders that do not hold name.
	for !strings.HasPrefix(name, l.levels[len(l.levels)-1].dir) {
		l.levels = l.levels[:len(l.levels)-1]
	}
	for i := len(l.levels) - 1; i >= 0; i-- {
		if excluded, found := l.levels[i].exclusions.match(name[len(l.levels[i].dir):], folder); found {
			return excluded
		}
	}
	return false
}

// readRules reads the file of exclusions of a folder.
func (l *lister) readRules(dir string) (exclusions, error) {
	f, err := open(l.fsys, dir+excludeFile)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxExclude+1))
	if err != nil {
		return nil, err
	}
	if len(data) > maxExclude {
		return nil, fmt.Errorf("%w: more than 1 MiB", ErrPattern)
	}
	var found exclusions
	lines := bufio.NewScanner(bytes.NewReader(bytes.TrimPrefix(data, []byte(byteOrderMark))))
	lines.Buffer(nil, maxExclude+1)
	for n := 1; lines.Scan(); n++ {
		if err := found.add(lines.Text()); err != nil {
			l.Skipped = append(l.Skipped, &FileError{Path: dir + excludeFile, Line: n, Err: err})
		}
	}
	return found, lines.Err()
}
