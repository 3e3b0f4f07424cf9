package store

import (
	"archive/tar"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"path/filepath"
	"regexp"

	bolt "go.etcd.io/bbolt"
)

// A backup is a tar archive: the format, the database, the segments up to the rows that the
// database names, and the checksums of all of these. What is an index is not in it.

const (
	backupHead = "goselfrag-store.json"
	backupEnd  = "checksums.json"
)

var backupName = regexp.MustCompile(`^(store\.db|vectors-[0-9]{1,19}-[0-9]{1,9}\.rows)$`)

type backupFormat struct{ Format int }

// Backup writes all of the store, as it is at one moment, to w, for Restore. Searches and
// changes go on meanwhile. A copy of the database is kept in the folder while w takes it. The
// error wraps ErrClosed, ErrCorrupt, ctx.Err() or is that of w or of the file system.
func (s *Store) Backup(ctx context.Context, w io.Writer) error {
	return s.long(ctx, "backup", func(ctx context.Context) error { return s.backup(ctx, w) })
}

func (s *Store) backup(ctx context.Context, w io.Writer) (err error) {
	dir := s.dir
	if s.o.ReadOnly {
		dir = "" // the system's
	}
	f, err := os.CreateTemp(dir, "compact-backup-*.db")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close(), os.Remove(f.Name())) }()
	v, err := s.copyDatabase(ctx, f)
	if err != nil {
		return err
	}
	defer v.release()
	b := &archive{ctx: ctx, tar: tar.NewWriter(w), sums: map[string]uint32{}}
	head, err := json.Marshal(backupFormat{format})
	if err != nil {
		return err
	}
	if err := b.bytes(backupHead, head); err != nil {
		return err
	}
	size, err := f.Seek(0, io.SeekEnd)
	if err != nil {
		return err
	}
	if err := b.add("store.db", io.NewSectionReader(f, 0, size), size); err != nil {
		return err
	}
	if v.space != nil {
		for i, state := range v.space.state.Segments {
			seg := v.space.segments[i]
			n := seg.at(state.Rows)
			if err := b.add(filepath.Base(seg.path), io.NewSectionReader(seg.File, 0, n), n); err != nil {
				return err
			}
		}
	}
	sums, err := json.Marshal(b.sums)
	if err != nil {
		return err
	}
	return errors.Join(b.bytes(backupEnd, sums), b.tar.Close())
}

// copyDatabase writes the database to a file, and returns the view that it is of.
func (s *Store) copyDatabase(ctx context.Context, f *os.File) (v *view, err error) {
	if err := s.lockWriting(ctx); err != nil {
		return nil, err
	}
	locked := true
	defer func() {
		if locked {
			s.unlockWriting()
		}
	}()
	err = s.db.view(func(tx *bolt.Tx) error {
		if v, err = s.acquire(); err != nil {
			return err
		}
		s.unlockWriting() // the transaction and the view are of the same change
		locked = false
		_, err := tx.WriteTo(&untilDone{ctx, f})
		return err
	})
	if err != nil && v != nil {
		v.release()
	}
	return v, err
}

// untilDone is a writer that fails when ctx is done.
type untilDone struct {
	ctx context.Context
	w   io.Writer
}

func (u *untilDone) Write(b []byte) (int, error) {
	if err := u.ctx.Err(); err != nil {
		return 0, err
	}
	return u.w.Write(b)
}

// archive writes files and their checksums.
type archive struct {
	ctx  context.Context
	tar  *tar.Writer
	sums map[string]uint32
}

func (a *archive) bytes(name string, b []byte) error {
	if err := a.tar.WriteHeader(&tar.Header{Name: name, Mode: 0o644, Size: int64(len(b))}); err != nil {
		return err
	}
	_, err := a.tar.Write(b)
	return err
}

func (a *archive) add(name string, r io.Reader, size int64) error {
	if err := a.tar.WriteHeader(&tar.Header{Name: name, Mode: 0o644, Size: size}); err != nil {
		return err
	}
	sum := crc32.New(castagnoli)
	n, err := io.Copy(io.MultiWriter(&untilDone{a.ctx, a.tar}, sum), r)
	if err == nil && n != size {
		err = damaged("%s has %d bytes: want %d", name, n, size)
	}
	a.sums[name] = sum.Sum32()
	return err
}

// Restore makes a store of a backup in a folder, which must be empty or not there, and opens
// it. The words and the graph are made anew in the background. With an error the folder is as
// before; it wraps ErrCorrupt if the backup is damaged or cut short, or ErrVersion, else it is
// as with Open.
func Restore(ctx context.Context, r io.Reader, dir string, o Options) (*Store, error) {
	s, err := restore(ctx, r, dir, o)
	if err != nil {
		return nil, fmt.Errorf("store: restore %s: %w", dir, err)
	}
	return s, nil
}

func restore(ctx context.Context, r io.Reader, dir string, o Options) (s *Store, err error) {
	if o.ReadOnly {
		return nil, fmt.Errorf("%w: ReadOnly is set", ErrOption)
	}
	if err := o.check(); err != nil {
		return nil, err
	}
	if entries, err := os.ReadDir(dir); err == nil && len(entries) > 0 {
		return nil, fmt.Errorf("%w: the folder is not empty: give another, or remove what is in it", ErrOption)
	}
	dir = filepath.Clean(dir)
	if err := os.MkdirAll(filepath.Dir(dir), 0o755); err != nil {
		return nil, err
	}
	temp, err := os.MkdirTemp(filepath.Dir(dir), "."+filepath.Base(dir)+".restore-")
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.RemoveAll(temp))
		}
	}()
	if err := os.Chmod(temp, 0o755); err != nil {
		return nil, err
	}
	d := &disk{}
	if err := extract(ctx, d, r, temp); err != nil {
		return nil, err
	}
	// Opened where it is, so that the folder is made only of a store that can be opened.
	if s, err = open(ctx, temp, o, d, standard); err != nil {
		return nil, err
	}
	if err = s.Close(); err != nil {
		return nil, err
	}
	if err = os.Remove(dir); err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, err
	}
	if err = d.rename(temp, dir); err != nil {
		return nil, err
	}
	return open(ctx, dir, o, d, standard)
}

// extract writes the files of a backup to a folder.
func extract(ctx context.Context, d *disk, r io.Reader, dir string) error {
	sums := map[string]uint32{}
	in := tar.NewReader(r)
	for first := true; ; first = false {
		if err := ctx.Err(); err != nil {
			return err
		}
		h, err := in.Next()
		if err != nil {
			return fmt.Errorf("%w: the backup ends before its checksums: %w", ErrCorrupt, err)
		}
		switch {
		case first:
			if err := readHead(in, h); err != nil {
				return err
			}
		case h.Name == backupEnd:
			return checkSums(in, sums)
		case !backupName.MatchString(h.Name) || h.Typeflag != tar.TypeReg:
			return damaged("the backup has a file %q", h.Name)
		default:
			if sums[h.Name], err = extractFile(ctx, d, in, filepath.Join(dir, h.Name)); err != nil {
				return err
			}
		}
	}
}

func readHead(in io.Reader, h *tar.Header) error {
	var f backupFormat
	if h.Name != backupHead || json.NewDecoder(io.LimitReader(in, 1<<16)).Decode(&f) != nil {
		return damaged("it is not a backup of a store")
	}
	if f.Format > format {
		return fmt.Errorf("%w: the backup has format %d, this library reads up to %d: update the library", ErrVersion, f.Format, format)
	}
	return nil
}

func checkSums(in io.Reader, got map[string]uint32) error {
	var want map[string]uint32
	if err := json.NewDecoder(in).Decode(&want); err != nil {
		return fmt.Errorf("%w: checksums of the backup: %w", ErrCorrupt, err)
	}
	if len(want) != len(got) {
		return damaged("the backup has %d files: want %d", len(got), len(want))
	}
	for name, sum := range got {
		if w, ok := want[name]; !ok || w != sum {
			return damaged("checksum of %s in the backup", name)
		}
	}
	return nil
}

func extractFile(ctx context.Context, d *disk, in io.Reader, path string) (sum uint32, err error) {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	h := crc32.New(castagnoli)
	if _, err := io.Copy(io.MultiWriter(&untilDone{ctx, f}, h), in); err != nil {
		if errors.Is(err, io.ErrUnexpectedEOF) {
			err = fmt.Errorf("%w: the backup is cut short: %w", ErrCorrupt, err)
		}
		return 0, err
	}
	return h.Sum32(), d.sync(f)
}
