package pdf

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/goselfrag/goselfrag/retriever/ingest"
)

// Why a document gave no text. For errors.Is, ErrEncrypted and ErrNoText are also
// [ingest.ErrNoText]: reading the same bytes again will not help. With ErrLimit the
// text of the error says which limit was exceeded, such as Options.MaxPages.
var (
	ErrEncrypted error = textless("pdf: encrypted: save it without a password")
	ErrDamaged         = errors.New("pdf: damaged, or not a PDF")
	ErrNoText    error = textless("pdf: no text layer: its pages are pictures: have their text recognized (OCR) first")
	ErrLimit           = errors.New("pdf: too large")
	ErrClosed          = errors.New("pdf: the reader is closed")
)

// textless is an error about a document without readable text.
type textless string

func (e textless) Error() string { return string(e) }

// Is makes it ingest.ErrNoText.
func (e textless) Is(target error) bool { return target == ingest.ErrNoText }

// Options bounds what one document may take. The zero value is ready to use.
type Options struct {
	// MaxPages is the greatest number of pages, at least 1; 0 means 10,000.
	MaxPages int
	// MaxText is the greatest length of the text in bytes, at least 1; 0 means 32 MiB.
	MaxText int
	// MaxMemory is how many bytes PDFium may take, the file included, at least 32 MiB and
	// less than 4 GiB; 0 means 512 MiB. At most four documents are read at a time.
	MaxMemory int64
	// MaxTime is how long the reading may take, without the compilation before the first
	// document; 0 means two minutes.
	MaxTime time.Duration
	// Cache is a folder for compiled code. "" means one below os.UserCacheDir, keyed by
	// the version of PDFium. The code in it is run, so no other user may be able to write
	// to it. On Unix, a folder that others may write to, or that belongs to another user,
	// is not used. Without a usable folder every Reader compiles.
	Cache string
	// Preparing, if set, is called before PDFium is compiled, and not if the code comes
	// from the cache.
	Preparing func()
}

func (o Options) check() (Options, error) {
	const least, most = 32 << 20, 4<<30 - 1
	bad := func(name string, value any, want string) (Options, error) {
		return o, fmt.Errorf("pdf: Options.%s is %v: want %s", name, value, want)
	}
	switch {
	case o.MaxPages < 0:
		return bad("MaxPages", o.MaxPages, "at least 1, or 0 for 10,000")
	case o.MaxText < 0:
		return bad("MaxText", o.MaxText, "at least 1, or 0 for 32 MiB")
	case o.MaxMemory != 0 && (o.MaxMemory < least || o.MaxMemory > most):
		return bad("MaxMemory", o.MaxMemory, "32 MiB to 4 GiB, or 0 for 512 MiB")
	case o.MaxTime < 0:
		return bad("MaxTime", o.MaxTime, "more than 0, or 0 for two minutes")
	}
	if o.MaxPages == 0 {
		o.MaxPages = 10_000
	}
	if o.MaxText == 0 {
		o.MaxText = 32 << 20
	}
	if o.MaxMemory == 0 {
		o.MaxMemory = 512 << 20
	}
	if o.MaxTime == 0 {
		o.MaxTime = 2 * time.Minute
	}
	return o, nil
}

// Reader reads PDF. It is an [ingest.Reader], and safe for concurrent use.
type Reader struct {
	o      Options
	err    error // of the options
	slots  chan struct{}
	engine engine
}

// New returns a Reader. It does no work: PDFium is compiled at the first document. Bad
// options are the error of every Read.
func New(o Options) *Reader {
	r := &Reader{slots: make(chan struct{}, min(4, runtime.GOMAXPROCS(0)))}
	r.o, r.err = o.check()
	r.engine.lock = make(chan struct{}, 1)
	return r
}

// Close frees the compiled code. It waits for documents that are being read; a Read after
// it returns ErrClosed.
func (r *Reader) Close() error {
	for range cap(r.slots) {
		r.slots <- struct{}{}
	}
	defer func() {
		for range cap(r.slots) {
			<-r.slots
		}
	}()
	return r.engine.close()
}

// Read returns the text of a document. The error wraps ErrEncrypted, ErrDamaged, ErrNoText,
// ErrLimit or ErrClosed, or is ctx.Err(). When ctx is done, Read stops PDFium at once. A page
// that cannot be read counts as one without text, unless no page can be read.
func (r *Reader) Read(ctx context.Context, data []byte) (ingest.Text, error) {
	var none ingest.Text
	if r.err != nil {
		return none, r.err
	}
	select {
	case r.slots <- struct{}{}:
		defer func() { <-r.slots }()
	case <-ctx.Done():
		return none, ctx.Err()
	}
	if err := ctx.Err(); err != nil {
		return none, err
	}
	if int64(len(data)) > r.o.MaxMemory/2 {
		return none, fmt.Errorf("%w: the file has %d bytes: want at most half of MaxMemory, %d", ErrLimit, len(data), r.o.MaxMemory)
	}
	if err := r.engine.start(ctx, r.o); err != nil {
		return none, err
	}
	timed, cancel := context.WithTimeoutCause(ctx, r.o.MaxTime, errTime)
	defer cancel()
	raw, err := r.engine.characters(timed, data, r.o)
	if err == nil {
		var text ingest.Text
		if text, err = raw.text(timed, r.o); err == nil {
			return text, nil
		}
	}
	switch {
	case ctx.Err() != nil:
		return none, ctx.Err()
	case context.Cause(timed) == errTime:
		return none, fmt.Errorf("%w: it takes more than MaxTime, %v", ErrLimit, r.o.MaxTime)
	}
	return none, err
}

// errTime is the cause of a context that ended with MaxTime.
var errTime = errors.New("MaxTime")

// text lays out the text of a document.
func (d *raw) text(ctx context.Context, o Options) (ingest.Text, error) {
	if len(d.pages) > 0 && d.failed == len(d.pages) {
		return ingest.Text{}, fmt.Errorf("%w: no page can be read within MaxMemory, %d bytes", ErrDamaged, o.MaxMemory)
	}
	var notes []ingest.Note
	pages := d.pages
	var empty []int
	outside := 0
	for i, p := range pages {
		outside += p.outside
		if len(p.pieces) == 0 {
			empty = append(empty, i+1)
		}
	}
	if len(empty) == len(pages) {
		return ingest.Text{}, ErrNoText
	}
	if len(empty) > 0 {
		notes = append(notes, ingest.Note{Kind: ingest.NoteImage, Text: "pages without text: " + ranges(empty), Count: len(empty)})
	}
	if outside > 0 {
		notes = append(notes, ingest.Note{Kind: ingest.NoteHidden, Text: "characters outside of the page", Count: outside})
	}
	notes = append(notes, dropRepeated(pages)...)
	w := newWriter(pages)
	for i := range pages {
		if ctx.Err() != nil {
			return ingest.Text{}, ctx.Err()
		}
		w.page(pages[i])
		if len(w.body) > o.MaxText {
			return ingest.Text{}, fmt.Errorf("%w: its text is longer than MaxText, %d bytes", ErrLimit, o.MaxText)
		}
	}
	w.body = trimHyphen(w.body)
	w.end()
	if len(w.body) == 0 {
		return ingest.Text{}, ErrNoText
	}
	title := d.title
	if !utf8.ValidString(title) || isFileName(title) {
		title = ""
	}
	return ingest.Text{Title: title, Body: string(w.body), Pages: w.starts, Notes: notes}, nil
}

// isFileName reports whether a program invented the title of a document: "a.doc",
// "Microsoft Word - a.doc", "untitled".
func isFileName(title string) bool {
	t := strings.ToLower(strings.TrimSpace(title))
	if strings.HasPrefix(t, "microsoft ") || strings.HasPrefix(t, "untitled") || strings.ContainsAny(t, `/\`) && !strings.Contains(t, " ") {
		return true
	}
	k := strings.LastIndexByte(t, '.')
	return k >= 0 && len(t)-k <= 6 && !strings.Contains(t[k:], " ") && k+1 < len(t) && t[k+1] >= 'a' && t[k+1] <= 'z'
}

// ranges lists numbers, which ascend, such as "1, 3-5".
func ranges(numbers []int) string {
	var b strings.Builder
	for i := 0; i < len(numbers); {
		j := i
		for j+1 < len(numbers) && numbers[j+1] == numbers[j]+1 {
			j++
		}
		if b.Len() > 0 {
			b.WriteString(", ")
		}
		if b.Len() > 60 {
			return b.String() + "…"
		}
		fmt.Fprintf(&b, "%d", numbers[i])
		if j > i {
			fmt.Fprintf(&b, "-%d", numbers[j])
		}
		i = j + 1
	}
	return b.String()
}
