package lexical

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"

	"github.com/goselfrag/goselfrag/internal/analysis/keyword"
	"github.com/goselfrag/goselfrag/internal/blockfile"
	"github.com/goselfrag/goselfrag/retriever/lexical/internal/segment"
)

// Errors about files, wrapped with the details.
var (
	// ErrNotIndex: a folder has no index, or Save did not write a file.
	ErrNotIndex = errors.New("lexical: not an index")
	// ErrVersion: the index has a newer format, or its words were found by other
	// rules than those of this library. Index its passages again.
	ErrVersion = errors.New("lexical: other version")
	// ErrCorrupt: a file is shorter than it should be, its bytes do not match their
	// checksums, or they do not form an index.
	ErrCorrupt = errors.New("lexical: file is damaged")
	// ErrClosed: the index was used after Close.
	ErrClosed = errors.New("lexical: index is closed")
)

// An index in a folder is a file for each segment and a manifest that names them. A
// Save writes new files under new names, which begin with the number of its
// generation, and the manifest last. Files that the manifest with the highest
// number does not name are unused.
var (
	manifestFormat = blockfile.Format{Magic: [8]byte([]byte("GOLEXI\r\n")), Version: 1}
	segmentFormat  = blockfile.Format{Magic: [8]byte([]byte("GOLEXS\r\n")), Version: 2} // 1 had no pages of passages
	fileName       = regexp.MustCompile(`^lexical-([0-9]{10})(-[0-9]{1,6}\.segment|\.index)$`)
)

func manifestName(generation int) string { return fmt.Sprintf("lexical-%010d.index", generation) }

func segmentName(generation, i int) string {
	return fmt.Sprintf("lexical-%010d-%d.segment", generation, i)
}

// manifest describes the contents of an index. Its file has it as JSON in the first
// section, followed by a section for each segment: the set of live documents, empty
// if all are live.
type manifest struct {
	Analysis int // keyword.Version
	Analyzer string
	K1, B    float64
	Title    uint32
	Fetched  bool // the passages are kept elsewhere
	Segments []segmentFile
}

type segmentFile struct {
	Name string
	Docs int
}

// custom is the name of an analyzer of the caller.
const custom = "custom"

// fileError wraps the error of this package that corresponds to one of blockfile.
func fileError(err error) error {
	for theirs, ours := range map[error]error{blockfile.ErrKind: ErrNotIndex, blockfile.ErrVersion: ErrVersion, blockfile.ErrCorrupt: ErrCorrupt} {
		if errors.Is(err, theirs) && !errors.Is(err, ours) {
			return fmt.Errorf("%w: %w", ours, err)
		}
	}
	return err
}

// generations returns the names of the index files in a folder, and the highest
// number of a manifest and of any file, 0 if there is none.
func generations(dir string) (names []string, newest, highest int, err error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, 0, 0, err
	}
	for _, e := range entries {
		m := fileName.FindStringSubmatch(e.Name())
		if m == nil {
			continue
		}
		n, err := strconv.Atoi(m[1])
		if err != nil {
			continue
		}
		names = append(names, e.Name())
		highest = max(highest, n)
		if m[2] == ".index" {
			newest = max(newest, n)
		}
	}
	return names, newest, highest, nil
}

// Load reads an index that Save wrote into memory, and checks all of it. A zero
// field of o means the saved value; a nonzero Analyzer or TitleWeight must equal
// the saved one. Custom and Fetch must be set if they were set when the index was
// saved. The error wraps ErrNotIndex, ErrVersion, ErrCorrupt, ErrOption, an error
// of the file system or, when ctx is done, ctx.Err(). Load changes nothing in the
// folder.
func Load(ctx context.Context, dir string, o Options) (*Index, error) {
	ix, err := open(dir, o, func(path string) (*blockfile.File, error) {
		return blockfile.Load(ctx, path, segmentFormat)
	})
	if err != nil {
		return nil, fmt.Errorf("lexical: load %s: %w", dir, fileError(err))
	}
	ix.read = func(path string) (*blockfile.File, error) {
		return blockfile.Load(context.Background(), path, segmentFormat)
	}
	return ix, nil
}

// Open maps an index that Save wrote. Its files are read and checked when a search
// needs them: a search that finds damage returns ErrCorrupt. Verify checks
// everything. Changes are in memory until they are saved. Call Close when done.
// Otherwise Open is like Load.
//
// The files must not be changed while they are open. A search that finds one
// truncated returns ErrCorrupt.
func Open(dir string, o Options) (*Index, error) {
	ix, err := open(dir, o, func(path string) (*blockfile.File, error) {
		return blockfile.Open(path, segmentFormat)
	})
	if err != nil {
		return nil, fmt.Errorf("lexical: open %s: %w", dir, fileError(err))
	}
	return ix, nil
}

// reader reads or maps the file of a segment.
type reader func(path string) (*blockfile.File, error)

func open(dir string, o Options, read reader) (ix *Index, err error) {
	_, newest, _, err := generations(dir)
	if err != nil {
		return nil, err
	}
	if newest == 0 {
		return nil, fmt.Errorf("%w: the folder has none", ErrNotIndex)
	}
	m, live, err := readManifest(filepath.Join(dir, manifestName(newest)))
	if err != nil {
		return nil, err
	}
	if o, err = m.options(o); err != nil {
		return nil, err
	}
	if ix, err = empty(o); err != nil {
		return nil, err
	}
	s := &snapshot{}
	err = guarded(true, func() error {
		for i, seg := range m.Segments {
			p, err := readPart(filepath.Join(dir, seg.Name), seg, live[i], read)
			if err != nil {
				return err
			}
			s.parts = append(s.parts, p)
			if p.Segment.HasPassages() == m.Fetched && p.Docs() > 0 {
				return fmt.Errorf("%w: %s does not hold what the manifest says", ErrCorrupt, seg.Name)
			}
			for doc := range uint32(p.Docs()) {
				if p.Language(doc) >= uint8(keyword.Count) {
					return fmt.Errorf("%w: language %d", ErrCorrupt, p.Language(doc))
				}
				if p.alive.Has(doc) {
					s.count(p, doc, 1)
				}
			}
		}
		return nil
	})
	if err != nil {
		for _, p := range s.parts {
			err = errors.Join(err, p.Close())
		}
		return nil, err
	}
	ix.read = read
	ix.store(s)
	return ix, nil
}

// readPart opens the file of a segment.
func readPart(path string, want segmentFile, live []byte, read reader) (*part, error) {
	f, err := read(path)
	if errors.Is(err, os.ErrNotExist) {
		err = fmt.Errorf("%w: %w", ErrCorrupt, err)
	}
	if err != nil {
		return nil, err
	}
	seg, err := segment.FromFile(f)
	if err == nil && seg.Docs() != want.Docs {
		err = fmt.Errorf("%w: %d documents: want %d", ErrCorrupt, seg.Docs(), want.Docs)
	}
	var p *part
	if err == nil {
		p = newPart(seg, nil)
		p.file = &file{path: path}
		if p.file.info, err = os.Stat(path); err == nil {
			p, err = p.withLive(live)
		}
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("%s: %w", path, err), f.Close())
	}
	return p, nil
}

// withLive returns p with the live documents given by bits.
func (p *part) withLive(bits []byte) (*part, error) {
	if len(bits) == 0 {
		return p, nil
	}
	set := segment.SetOf(bits)
	if len(set) != (p.Docs()+63)/64 {
		return nil, fmt.Errorf("%w: live bits of %d bytes for %d documents", ErrCorrupt, len(bits), p.Docs())
	}
	var dead []uint32
	for doc := range uint32(p.Docs()) {
		if !set.Has(doc) {
			dead = append(dead, doc)
		}
	}
	if len(dead) == 0 {
		return p, nil
	}
	return p.without(dead), nil
}

// readManifest reads a manifest and the live bits of its segments.
func readManifest(path string) (m manifest, live [][]byte, err error) {
	f, err := blockfile.Load(context.Background(), path, manifestFormat)
	if err != nil {
		return m, nil, err
	}
	if f.Sections() == 0 {
		return m, nil, fmt.Errorf("%w: %s is empty", ErrCorrupt, path)
	}
	if err := json.Unmarshal(f.Section(0), &m); err != nil {
		return m, nil, fmt.Errorf("%w: %s: %w", ErrCorrupt, path, err)
	}
	if f.Sections() != 1+len(m.Segments) {
		return m, nil, fmt.Errorf("%w: %s: %d segments in %d sections", ErrCorrupt, path, len(m.Segments), f.Sections())
	}
	for i, seg := range m.Segments {
		if !fileName.MatchString(seg.Name) || seg.Docs < 1 || seg.Docs > math.MaxUint32 {
			return m, nil, fmt.Errorf("%w: %s: segment %q of %d", ErrCorrupt, path, seg.Name, seg.Docs)
		}
		live = append(live, f.Section(1+i))
	}
	return m, live, nil
}

// options returns o with its zero fields set from m.
func (m manifest) options(o Options) (Options, error) {
	if m.Analysis != keyword.Version {
		return o, fmt.Errorf("%w: its words were found by rules %d, this library has %d: index the passages anew", ErrVersion, m.Analysis, keyword.Version)
	}
	switch {
	case (o.Custom != nil) != (m.Analyzer == custom):
		return o, fmt.Errorf("%w: the index was made with the analyzer %q: set Custom for an analyzer of yours and for no other", ErrOption, m.Analyzer)
	case o.Analyzer != "" && o.Analyzer != m.Analyzer:
		return o, fmt.Errorf("%w: Analyzer is %q, the index was made with %q", ErrOption, o.Analyzer, m.Analyzer)
	case o.TitleWeight != 0 && number(o.TitleWeight, 2) != int(m.Title):
		return o, fmt.Errorf("%w: TitleWeight is %d, the index was made with %d", ErrOption, number(o.TitleWeight, 2), m.Title)
	case (o.Fetch != nil) != m.Fetched:
		return o, fmt.Errorf("%w: Fetch is set: %v, but when the index was made: %v", ErrOption, o.Fetch != nil, m.Fetched)
	}
	if o.Custom == nil {
		o.Analyzer = m.Analyzer
	}
	set := func(given *float64, saved float64) {
		if *given == 0 {
			if *given = saved; saved == 0 {
				*given = Zero
			}
		}
	}
	set(&o.K1, m.K1)
	set(&o.B, m.B)
	if o.TitleWeight = int(m.Title); m.Title == 0 {
		o.TitleWeight = Zero
	}
	return o, nil
}

// removeOthers removes files that a manifest and its number do not name. A file
// that is in use and cannot be removed now is tried again by the next Save.
func removeOthers(dir string, names []string, m manifest, generation int) {
	for _, name := range names {
		if name == manifestName(generation) || slices.ContainsFunc(m.Segments, func(s segmentFile) bool { return s.Name == name }) {
			continue
		}
		os.Remove(filepath.Join(dir, name))
	}
}
