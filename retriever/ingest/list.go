package ingest

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"time"
)

// Entry is a file of a [Listing].
type Entry struct {
	Path     string // relative to the folder, with slashes
	Size     int64  // in bytes
	Modified time.Time
}

// Listing is the content of a folder.
type Listing struct {
	// Files has the files that [FS] reads, in the order of their paths.
	Files []Entry
	// Skipped has what FS cannot read, in the order of the paths: folders that cannot be
	// listed, and names of a known format, or links, that are not regular files. For a
	// bad line of a .goselfragignore file it has an error that wraps ErrPattern.
	Skipped []*FileError
	// Ignored and Excluded are those of [Result].
	Ignored, Excluded int
}

// List returns which files [FS] reads, without reading them.
//
// A file or folder whose name begins with a dot is ignored. Links to folders are not
// followed.
//
// Options.Exclude has patterns of files and folders to leave out. So does a file called
// .goselfragignore, for its folder and those below it. Each line is like one of a
// .gitignore file:
//
//   - "*", "?" and "[a-z]" match within a name, "**" across folders.
//   - "/" at the beginning or inside binds the pattern to the folder of the file.
//   - "/" at the end matches only folders.
//   - "!" includes again what an earlier line excluded, but nothing in an excluded folder.
//   - "#" begins a comment.
//
// The last matching line decides. Lines of a deeper folder come after those of a higher
// one. If the .goselfragignore file of a folder cannot be read, the whole folder is skipped.
//
// The error is about the top folder, wraps ErrOption, or wraps ctx.Err().
func List(ctx context.Context, fsys fs.FS, opts Options) (Listing, error) {
	opts, err := opts.check()
	if err != nil {
		return Listing{}, err
	}
	l := lister{fsys: fsys, opts: opts, levels: []level{{"", opts.excluded}}}
	err = fs.WalkDir(fsys, ".", func(name string, d fs.DirEntry, err error) error {
		if ctx.Err() != nil {
			return fmt.Errorf("ingest: stopped while listing files: %w", ctx.Err())
		}
		if err != nil {
			return l.failed(name, err)
		}
		if d.IsDir() {
			return l.enter(name, d)
		}
		l.file(name, d)
		return nil
	})
	// The walk gives a/b.md before a.md.
	slices.SortFunc(l.Files, func(a, b Entry) int { return cmp.Compare(a.Path, b.Path) })
	slices.SortStableFunc(l.Skipped, func(a, b *FileError) int { return cmp.Compare(a.Path, b.Path) })
	return l.Listing, err
}

func (l Listing) paths() []string {
	paths := make([]string, len(l.Files))
	for i, f := range l.Files {
		paths[i] = f.Path
	}
	return paths
}

// lister is one walk through a folder.
type lister struct {
	Listing
	fsys   fs.FS
	opts   Options
	levels []level // of the folders above the file at hand, and Options.Exclude
}

// level has the exclusions of a folder. The path ends with a slash unless it is "".
type level struct {
	dir        string
	exclusions exclusions
}

func (l *lister) skip(name string, err error) {
	l.Skipped = append(l.Skipped, &FileError{Path: name, Err: err})
}

// failed reports a file or folder that cannot be read.
func (l *lister) failed(name string, err error) error {
	if name == "." {
		return fmt.Errorf("ingest: %w", err)
	}
	l.skip(name, err)
	return nil
}

// enter says whether a folder is walked through, and reads its exclusions.
func (l *lister) enter(name string, d fs.DirEntry) error {
	dir := ""
	if name != "." {
		dir = name + "/"
		switch {
		case strings.HasPrefix(d.Name(), "."):
			return fs.SkipDir
		case l.excludes(name, true):
			l.Excluded++
			return fs.SkipDir
		}
	}
	found, err := l.readRules(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err == nil {
		l.levels = append(l.levels, level{dir, found})
		return nil
	}
	err = fmt.Errorf("%s: %w", excludeFile, err)
	if dir == "" {
		return l.failed(name, err)
	}
	l.skip(name, err)
	return fs.SkipDir
}

// file adds a file that is to be read.
func (l *lister) file(name string, d fs.DirEntry) {
	switch {
	case strings.HasPrefix(d.Name(), "."):
		l.Ignored++
		return
	case l.excludes(name, false):
		l.Excluded++
		return
	}
	mode := d.Type()
	known := l.opts.formatOf(name) != ""
	if mode&fs.ModeSymlink == 0 && !known {
		l.Ignored++
		return
	}
	info, err := d.Info()
	if mode&fs.ModeSymlink != 0 {
		info, err = fs.Stat(l.fsys, name)
	}
	switch {
	case err != nil:
		l.skip(name, err)
	case info.IsDir(), !info.Mode().IsRegular() && known:
		l.skip(name, ErrNotFile)
	case !known:
		l.Ignored++
	default:
		l.Files = append(l.Files, Entry{name, info.Size(), info.ModTime()})
	}
}
