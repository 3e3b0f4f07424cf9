// Package progress shows the progress of long work.
package progress

import (
	"fmt"
	"io"
	"os"
	"time"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"

	"github.com/goselfrag/goselfrag/internal/show"
)

// Bar returns a function that shows how many of all are done, and one that removes the bar.
// It draws a bar if w is a terminal, and nothing otherwise. all must be the same number
// each time.
func Bar(w io.Writer, name string) (set func(done, all int), end func()) {
	f, ok := w.(*os.File)
	if !ok || !term.IsTerminal(int(f.Fd())) {
		return func(int, int) {}, func() {}
	}
	var bar *progressbar.ProgressBar
	set = func(done, all int) {
		if bar == nil { // with the count unknown it would be drawn by a goroutine of its own
			bar = progressbar.NewOptions(all, progressbar.OptionSetWriter(w), progressbar.OptionSetDescription(show.Shorten(name, 40)),
				progressbar.OptionShowCount(), progressbar.OptionClearOnFinish())
		}
		_ = bar.Set(done) // a bar that cannot be drawn is no reason to stop
	}
	return set, func() {
		if bar != nil {
			_ = bar.Clear()
		}
	}
}

// Long is Bar for work that takes hours: where w is no terminal, such as in the log of CI,
// it writes a line with the time that is left, at most one each half minute.
func Long(w io.Writer, name string) (set func(done, all int), end func()) {
	if f, ok := w.(*os.File); ok && term.IsTerminal(int(f.Fd())) {
		return Bar(w, name)
	}
	start, said, first := time.Now(), time.Now(), -1
	return func(done, all int) {
		if first < 0 {
			first = done // what was there before
		}
		if time.Since(said) < 30*time.Second || done == first {
			return
		}
		said = time.Now()
		left := time.Duration(float64(time.Since(start)) / float64(done-first) * float64(all-done))
		fmt.Fprintf(w, "%s: %d of %d, about %v left\n", show.Shorten(name, 40), done, all, left.Round(time.Second))
	}, func() {}
}

// Line returns a function that shows a text in place of the one before, and one that removes
// it. They show nothing unless w is a terminal.
func Line(w io.Writer) (say func(text string), end func()) {
	f, ok := w.(*os.File)
	if !ok || !term.IsTerminal(int(f.Fd())) {
		return func(string) {}, func() {}
	}
	return func(text string) { fmt.Fprintf(w, "\r\x1b[K%s", show.Shorten(text, show.Columns-1)) }, func() { fmt.Fprint(w, "\r\x1b[K") }
}
