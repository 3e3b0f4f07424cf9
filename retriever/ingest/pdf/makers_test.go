package pdf

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/goselfrag/goselfrag/internal/sentence"
	"github.com/goselfrag/goselfrag/retriever/ingest"
)

// The paragraphs of most files of testdata, by page; see testdata/make.py.
var manual = [][]string{
	{
		"The Merrow pump lifts water from wells that are up to sixty metres deep. It was designed for farms and mountain huts, where nobody is at hand who understands thermostatically controlled electrohydraulic equipment.",
		"To stop the machine, press the red button beside the inlet. The machine comes to rest within four seconds, and the green lamp goes out.",
		"Never open the pressure chamber while the gauge shows more than 0.2 bar.",
	},
	{
		"Prime the pump before the first start, since a dry impeller overheats within two minutes. Fill the suction line with about three litres of clean water, close the bleed screw counterclockwise and wait until no more bubbles appear.",
		"The controller restarts the motor automatically after a power failure. An interruption of more than ninety minutes counts as a shutdown, and the motor remains disconnected until somebody confirms the restart.",
	},
	{
		"Replace the filter cartridge every ninety days, or sooner if the pressure falls below 1.8 bar.",
		"Spare parts are available for fifteen years after the purchase. Send the serial number, which is engraved underneath the connection box, together with a description of the fault.",
	},
}

// Each file by another maker gives all paragraphs, whole and on their pages, and nothing of
// its headers and footers.
func TestMakers(t *testing.T) {
	// Files with another text, or with another count of lines left out.
	other := map[string]bool{"chinese": true, "russian": true, "image_only": true, "qpdf_encrypted": true, "truncated": true, "rotated": true, "rows": true, "columns": true, "partly_scanned": true}
	// Those whose program draws no header, and the one that draws it only.
	bare := map[string]bool{"borb": true, "cups": true, "wkhtmltopdf": true}
	files, err := filepath.Glob("testdata/*.pdf")
	if err != nil || len(files) < 25 {
		t.Fatalf("%d files, %v", len(files), err)
	}
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), ".pdf")
		if other[name] {
			continue
		}
		t.Run(name, func(t *testing.T) {
			text, err := readOnce(t, name)
			if err != nil {
				t.Fatal(err)
			}
			paragraphs := strings.Split(text.Body, "\n\n")
			at, found := 0, 0
			for page, want := range manual {
				for _, p := range want {
					n := strings.Index(text.Body[at:], p)
					if n < 0 {
						t.Errorf("page %d lacks %q, or it is not in its place:\n%s", page+1, p, text.Body)
						continue
					}
					if got := text.Page(at + n); got != page+1 {
						t.Errorf("%q is on page %d, want %d", p, got, page+1)
					}
					at += n
					found++
				}
			}
			// Beside the paragraphs: the title, three headings, and what follows the last.
			if extra := len(paragraphs) - found; extra > 8 {
				t.Errorf("%d more paragraphs:\n%s", extra, text.Body)
			}
			dropped := 0
			for _, n := range text.Notes {
				if n.Kind == ingest.NoteRepeated {
					dropped += n.Count
				}
			}
			if strings.Contains(text.Body, "pump manual") || strings.Contains(text.Body, "Page ") || dropped < 6 && !bare[name] {
				t.Errorf("%d lines dropped, %v:\n%s", dropped, text.Notes, text.Body)
			}
		})
	}
}

// What else the files have.
func TestLayouts(t *testing.T) {
	for name, want := range map[string]struct {
		pages int
		texts []string
		notes string
	}{
		"chinese": {3, []string{
			"要停止机器，请按进水口旁边的红色按钮。机器会在四秒钟之内停下来，绿灯随即熄灭。\n\n首次启动之前必须给水泵灌水，",
			"滤芯每九十天更换一次，如果压力低于一点八巴，则应提前更换。",
		}, "repeated: at the bottom: 第 # 页 (3)"},
		"russian": {1, []string{
			"Безопасность\n\nЧтобы остановить машину, нажмите красную кнопку рядом с впускным отверстием. Машина останавливается в течение четырёх секунд, и зелёная лампа гаснет.\n\nЗаменяйте картридж фильтра каждые девяносто дней или раньше, если давление падает ниже 1,8 бар.",
		}, ""},
		"columns": {2, []string{manual[0][0], manual[1][1], manual[2][1] + "\n\nSafety\n\n" + manual[0][0]}, "repeated: at the top: Merrow pump manual (2)"},
		"rows": {1, []string{
			"Operating the Merrow pump\n\n" + manual[0][0] + " " + manual[0][1] + " " + manual[0][2] + " " + manual[1][0] + " " + manual[1][1] + "\n\n" +
				manual[2][0] + " " + manual[2][1] + " " + manual[1][0],
		}, ""},
		"rotated": {2, []string{
			"To stop the machine, press the red button beside the inlet. The machine comes to rest within four seconds.\n\nStamp of the archive\n\nPrime the pump before the first start, since a dry impeller overheats within two minutes.",
		}, ""},
		"partly_scanned": {4, []string{manual[0][2] + "\n\nOperation\n\n" + manual[1][0]}, "image: pages without text: 2 (1)"},
		"reportlab":      {3, []string{"Bleed screw\tMP-207 3.10\n\nImpeller\tMP-333 48.00"}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			text, err := readOnce(t, name)
			if err != nil {
				t.Fatal(err)
			}
			if len(text.Pages) != want.pages {
				t.Errorf("%d pages, want %d", len(text.Pages), want.pages)
			}
			for _, s := range want.texts {
				if !strings.Contains(text.Body, s) {
					t.Errorf("lacks %q:\n%s", s, text.Body)
				}
			}
			if notes := fmt.Sprint(text.Notes); !strings.Contains(notes, want.notes) {
				t.Errorf("notes %s, want %s", notes, want.notes)
			}
		})
	}
}

// The table of docs/pdf.md says what the files give.
func TestTable(t *testing.T) {
	page, err := os.ReadFile("../../../docs/pdf.md")
	if err != nil {
		t.Fatal(err)
	}
	rows := 0
	for line := range strings.Lines(string(page)) {
		cells := strings.Split(line, " | ")
		if len(cells) != 6 || strings.HasPrefix(line, "| file |") || strings.HasPrefix(line, "| --- |") || strings.HasPrefix(line, "| **sum**") {
			continue
		}
		rows++
		name := strings.TrimPrefix(cells[0], "| ")
		text, err := readOnce(t, name)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		found, dropped := 0, 0
		for _, page := range manual {
			for _, p := range page {
				for s := range sentence.All(p) {
					if strings.Contains(text.Body, s.Of(p)) {
						found++
					}
				}
			}
		}
		for _, n := range text.Notes {
			if n.Kind == ingest.NoteRepeated {
				dropped += n.Count
			}
		}
		gone := strings.TrimSuffix(strings.TrimSpace(cells[5]), " |")
		if gone == "none drawn" {
			gone = "0"
		}
		if fmt.Sprint(found) != cells[4] || fmt.Sprint(dropped) != gone {
			t.Errorf("%s: %d sentences and %d rows dropped: the page says %s and %s", name, found, dropped, cells[4], cells[5])
		}
	}
	if rows != 26 {
		t.Errorf("%d rows", rows)
	}
}
