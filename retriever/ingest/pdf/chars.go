package pdf

import (
	"math"
	"unicode/utf8"

	"github.com/klippa-app/go-pdfium"
	"github.com/klippa-app/go-pdfium/references"
	"github.com/klippa-app/go-pdfium/requests"
)

// countChars returns how many characters a page has, before they take memory outside of
// PDFium.
func countChars(p pdfium.Pdfium, page requests.Page) (int, error) {
	text, err := p.FPDFText_LoadPage(&requests.FPDFText_LoadPage{Page: page})
	if err != nil {
		return 0, err
	}
	count, err := p.FPDFText_CountChars(&requests.FPDFText_CountChars{TextPage: text.TextPage})
	if err != nil {
		return 0, err
	}
	_, err = p.FPDFText_ClosePage(&requests.FPDFText_ClosePage{TextPage: text.TextPage})
	return count.Count, err
}

// broken reports whether PDFium has stopped working, such as after a lack of memory.
func broken(p pdfium.Pdfium, doc references.FPDF_DOCUMENT) bool {
	_, err := p.FPDF_GetPageCount(&requests.FPDF_GetPageCount{Document: doc})
	return err != nil
}

// char is a character and its place.
type char struct {
	text  rune
	at    box
	turns uint8 // quarters of a turn, counterclockwise
}

// box is a rectangle in points; y grows upwards.
type box struct{ left, bottom, right, top float32 }

func (b box) height() float32 { return b.top - b.bottom }

// union returns the smallest box around two.
func (b box) union(c box) box {
	return box{min(b.left, c.left), min(b.bottom, c.bottom), max(b.right, c.right), max(b.top, c.top)}
}

// turned returns the box in a system in which text that is turned by so many quarters is
// upright.
func (b box) turned(turns uint8) box {
	switch turns {
	case 1:
		return box{b.bottom, -b.right, b.top, -b.left}
	case 2:
		return box{-b.right, -b.top, -b.left, -b.bottom}
	case 3:
		return box{-b.top, b.left, -b.bottom, b.right}
	}
	return b
}

// readPage returns the characters of a page in the order in which the page draws them.
func readPage(p pdfium.Pdfium, page requests.Page) ([]char, error) {
	text, err := p.GetPageTextStructured(&requests.GetPageTextStructured{Page: page, Mode: requests.GetPageTextStructuredModeChars})
	if err != nil {
		return nil, err
	}
	chars := make([]char, 0, len(text.Chars))
	for _, c := range text.Chars {
		r, _ := utf8.DecodeRuneInString(c.Text)
		if c.Text == "" {
			continue
		}
		at := c.PointPosition
		chars = append(chars, char{
			text:  r,
			at:    box{float32(at.Left), float32(at.Bottom), float32(at.Right), float32(at.Top)},
			turns: uint8(-int(math.Round(c.Angle/(math.Pi/2))) & 3), // PDFium's go clockwise
		})
	}
	return chars, nil
}

// pageBox returns the visible part of a page; an empty box if PDFium does not know it.
func pageBox(p pdfium.Pdfium, page requests.Page) box {
	r, err := p.FPDF_GetPageBoundingBox(&requests.FPDF_GetPageBoundingBox{Page: page})
	if err != nil {
		return box{}
	}
	return box{r.Rect.Left, r.Rect.Bottom, r.Rect.Right, r.Rect.Top}
}
