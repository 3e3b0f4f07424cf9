package ask

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/goselfrag/goselfrag/cmd/goselfrag/internal/command"
	"github.com/goselfrag/goselfrag/cmd/goselfrag/internal/progress"
	"github.com/goselfrag/goselfrag/internal/show"
	"github.com/goselfrag/goselfrag/retriever/ingest"
	"github.com/goselfrag/goselfrag/retriever/ingest/foldersync"
)

// syncStore makes the documents of a store equal to those of the folder, with progress. It
// reports changes and unreadable files on stderr. The paths of documents are as those of
// Read, so one store holds one folder. Another folder is refused unless most of its files
// are the same.
func syncStore[D foldersync.Document](ctx context.Context, documents foldersync.Documents[D], dir string, c storeConfig, stderr io.Writer) (foldersync.Report, error) {
	say, end := progress.Line(stderr)
	formats, closeFormats := otherFormats(stderr)
	defer closeFormats()
	report, err := foldersync.Sync(ctx, documents, dir, foldersync.Options{
		Ingest:            ingest.Options{Formats: formats},
		Progress:          func(p foldersync.Progress) { say(line(p)) },
		AllowMassDeletion: c.massDeletion,
		DryRun:            c.dryRun,
	})
	end()
	for _, s := range report.Skipped {
		fmt.Fprintf(stderr, "skipped %s\n", show.Clean(s.Path+": "+command.Words(s.Err)))
	}
	for _, s := range report.Unreadable {
		fmt.Fprintf(stderr, "left as it was: %s\n", show.Clean(s.Path+": "+command.Words(s.Err)))
	}
	var mass *foldersync.MassDeletionError
	switch {
	case errors.As(err, &mass):
		return report, fmt.Errorf("%d of the %d documents in the store have no file in %s: name the folder that the store was made from with -docs, or another store with -store, or allow it with -mass-deletion", mass.Removed, mass.Documents, dir)
	case errors.Is(err, foldersync.ErrFolder):
		return report, fmt.Errorf("there is no folder %s that can be read: name one with -docs", dir)
	case err != nil:
		return report, fmt.Errorf("%s: %w", dir, err)
	}
	would := ""
	if c.dryRun {
		would = "would be "
	}
	fmt.Fprintf(stderr, "%s %sadded, %d changed, %d removed, %d unchanged, %d skipped, %d of other formats%s\n",
		counted(len(report.Added), "file"), would, len(report.Changed), len(report.Removed), report.Unchanged, len(report.Skipped), report.Ignored, excluded(report.Excluded))
	return report, nil
}

// line returns the progress of a sync for a terminal.
func line(p foldersync.Progress) string {
	text := fmt.Sprintf("%d of %d files", p.Done, p.Total)
	if p.Rate > 0 {
		text += fmt.Sprintf(", %.1f MB/s", p.Rate/1e6)
	}
	if left := p.Left.Round(time.Second); left > 0 {
		text += fmt.Sprintf(", %v left", left)
	}
	return text + ": " + show.Clean(p.Path)
}
