package command

import (
	"io"
	"os"

	"golang.org/x/term"

	"github.com/goselfrag/goselfrag/internal/show"
)

// Columns returns the width of the terminal that w writes to, or [show.Columns] if it is
// none or does not tell.
func Columns(w io.Writer) int {
	if f, ok := w.(*os.File); ok {
		if n, _, err := term.GetSize(int(f.Fd())); err == nil && n > 0 {
			return n
		}
	}
	return show.Columns
}
