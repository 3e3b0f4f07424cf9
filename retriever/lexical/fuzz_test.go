package lexical

import (
	"io"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/goselfrag/goselfrag/internal/blockfile"
)

// FuzzOpen changes the content of files and corrects the checksums. In every case,
// there is no panic and every search ends.
func FuzzOpen(f *testing.F) {
	for section := range uint8(13) {
		f.Add(section, uint16(3), []byte{0xff}, false)
		f.Add(section, uint16(0), []byte{}, true)
		f.Add(section, uint16(40), []byte{0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff}, true)
	}
	f.Fuzz(func(t *testing.T, section uint8, at uint16, bytes []byte, cut bool) {
		dir, files := small(t)
		for name := range files {
			path, format := filepath.Join(dir, name), segmentFormat
			if filepath.Ext(name) == ".index" {
				format = manifestFormat
			}
			patch(t, path, format, int(section), int(at), bytes, cut)
			for _, mapped := range []bool{false, true} {
				use(t, dir, mapped)
			}
			if err := os.WriteFile(path, files[name], 0o644); err != nil {
				t.Fatal(err)
			}
		}
	})
}

// patch replaces bytes in a section of a file, or the rest of it.
func patch(t *testing.T, path string, format blockfile.Format, section, at int, bytes []byte, cut bool) {
	t.Helper()
	file, err := blockfile.Load(t.Context(), path, format)
	if err != nil {
		t.Fatal(err)
	}
	var sections []func(io.Writer) error
	for i := range file.Sections() {
		data := slices.Clone(file.Section(i))
		if i == section%file.Sections() {
			at = min(at, len(data))
			rest := data[at:]
			data = append(slices.Clone(data[:at]), bytes...)
			if !cut && len(rest) > len(bytes) {
				data = append(data, rest[len(bytes):]...)
			}
		}
		sections = append(sections, blockfile.Bytes(data))
	}
	if err := blockfile.Write(t.Context(), path, format, sections...); err != nil {
		t.Fatal(err)
	}
}
