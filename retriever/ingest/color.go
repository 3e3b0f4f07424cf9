package ingest

import (
	"strconv"
	"strings"
)

// alike reports whether two colors can hardly be told apart.
func alike(a, b string) bool {
	x, err := strconv.ParseUint(a, 16, 32)
	y, err2 := strconv.ParseUint(b, 16, 32)
	if err != nil || err2 != nil {
		return false
	}
	for range 3 {
		if d := int(x&255) - int(y&255); d > 12 || d < -12 {
			return false
		}
		x, y = x>>8, y>>8
	}
	return true
}

// far reports whether a value has a length that is off the screen.
func far(v string) bool {
	for word := range strings.FieldsFuncSeq(v, func(r rune) bool { return strings.ContainsRune(" (),", r) }) {
		n, unit, ok := number(word)
		if !ok || n >= 0 {
			continue
		}
		switch unit {
		case "px", "pt", "":
			if n <= -500 {
				return true
			}
		case "em", "rem":
			if n <= -50 {
				return true
			}
		case "%", "vw", "vh":
			if n <= -100 {
				return true
			}
		}
	}
	return false
}

// number reads a number with its unit.
func number(s string) (n float64, unit string, ok bool) {
	i := 0
	for i < len(s) && strings.IndexByte("+-.0123456789", s[i]) >= 0 {
		i++
	}
	n, err := strconv.ParseFloat(s[:i], 64)
	return n, s[i:], err == nil
}

var colors = map[string]string{
	"white": "ffffff", "black": "000000", "snow": "fffafa", "ivory": "fffff0", "whitesmoke": "f5f5f5", "ghostwhite": "f8f8ff", "red": "ff0000",
	"green": "008000", "blue": "0000ff", "yellow": "ffff00", "gray": "808080", "grey": "808080", "silver": "c0c0c0", "lightgray": "d3d3d3",
	"lightgrey": "d3d3d3", "navy": "000080", "maroon": "800000", "orange": "ffa500", "purple": "800080", "teal": "008080", "transparent": "none",
}

// color returns a color as six hexadecimal digits, "none" for a transparent one, and "" for
// an unknown one.
func color(s string) string {
	s = strings.ToLower(strings.TrimSpace(s))
	if c, ok := colors[s]; ok {
		return c
	}
	if hex, ok := strings.CutPrefix(s, "#"); ok {
		switch len(hex) {
		case 8:
			if hex[6:] == "00" {
				return "none"
			}
			return hex[:6]
		case 4:
			if hex[3] == '0' {
				return "none"
			}
			hex = hex[:3]
			fallthrough
		case 3:
			return string([]byte{hex[0], hex[0], hex[1], hex[1], hex[2], hex[2]})
		case 6:
			return hex
		}
		return ""
	}
	name, list, ok := strings.Cut(s, "(")
	parts := strings.FieldsFunc(strings.TrimSuffix(list, ")"), func(r rune) bool { return strings.ContainsRune(" ,/", r) })
	if !ok || len(parts) < 3 {
		return ""
	}
	if len(parts) > 3 {
		if n, _, ok := number(parts[3]); ok && n < 0.05 {
			return "none"
		}
	}
	switch name {
	case "rgb", "rgba":
		out := ""
		for _, p := range parts[:3] {
			n, unit, ok := number(p)
			if unit == "%" {
				n *= 2.55
			}
			if !ok || n < 0 || n > 255 {
				return ""
			}
			hex := strconv.FormatInt(int64(n), 16)
			out += strings.Repeat("0", 2-len(hex)) + hex
		}
		return out
	case "hsl", "hsla":
		switch parts[2] {
		case "100%":
			return "ffffff"
		case "0%":
			return "000000"
		}
	}
	return ""
}
