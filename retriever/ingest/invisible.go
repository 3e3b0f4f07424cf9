package ingest

import (
	"unicode/utf8"
)

// visible appends text of the original at offset src without runs of invisible
// characters.
func (w *writer) visible(s string, src int) {
	for {
		from, to := invisible(s)
		if from < 0 {
			break
		}
		if from > 0 {
			w.appendText(s[:from], src, src+from)
		}
		w.notes.add(NoteHidden, "invisible characters", 0)
		s, src = s[to:], src+to
	}
	if s != "" {
		w.appendText(s, src, src+len(s))
	}
}

// invisible returns where the first run of at least four invisible characters is in
// s, or of tags, which can spell text; -1 if there is none. Fewer join emoji and letters.
func invisible(s string) (from, to int) {
	count, start, tags := 0, 0, false
	before := rune(0)
	for i := 0; i < len(s); {
		if s[i] < utf8.RuneSelf && count == 0 {
			before = rune(s[i])
			i++
			continue
		}
		r, size := utf8.DecodeRuneInString(s[i:])
		switch {
		case isInvisible(r):
			if count == 0 {
				start, tags = i, false
			}
			count++
			tags = tags || isTag(r) && before != '\U0001f3f4'
		case count >= 4 && before != '\U0001f3f4' || tags:
			return start, i
		default:
			count, before = 0, r
		}
		i += size
	}
	if count >= 4 && before != '\U0001f3f4' || tags {
		return start, len(s)
	}
	return -1, -1
}

func isTag(r rune) bool { return r >= 0xe0000 && r < 0xe0080 }

func isInvisible(r rune) bool {
	switch r {
	case 0x00ad, 0x034f, 0x061c, 0x115f, 0x1160, 0x17b4, 0x17b5, 0x180e, 0x200b, 0x200c, 0x200d, 0x200e, 0x200f, 0x3164, 0xfeff, 0xffa0:
		return true
	}
	return r >= 0x2060 && r <= 0x206f || r >= 0xfe00 && r <= 0xfe0f || isTag(r) || r >= 0xe0100 && r <= 0xe01ef
}
