// Package progress shows the progress of long work.
package progress

import (
	"fmt"
	"io"
	"os"

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

// Line returns a function that shows a text in place of the one before, and one that removes
// it. They show nothing unless w is a terminal.
func Line(w io.Writer) (say func(text string), end func()) {
	f, ok := w.(*os.File)
	if !ok || !term.IsTerminal(int(f.Fd())) {
		return func(string) {}, func() {}
	}
	return func(text string) { fmt.Fprintf(w, "\r\x1b[K%s", show.Shorten(text, show.Columns-1)) }, func() { fmt.Fprint(w, "\r\x1b[K") }
}
