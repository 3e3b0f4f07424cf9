package pipeline

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// option is a setting of a technique or of a part.
type option struct {
	name, about string
	preset      string // the default in its written form; empty if there is none
	allowed     string // for the usage text
	// read returns the meaning of a text, or what is wanted instead.
	read func(text string) (value any, wrong string)
}

func whole(name string, preset, least, most int, about string) option {
	allowed := fmt.Sprintf("%d to %d", least, most) // in its written form
	return option{name, about, strconv.Itoa(preset), allowed, func(text string) (any, string) {
		n, err := strconv.Atoi(text)
		if err != nil || n < least || n > most {
			return 0, "a whole number from " + allowed
		}
		return n, ""
	}}
}

func number(name string, preset, least, most float64, about string) option {
	allowed := short(least) + " to " + short(most)
	return option{name, about, short(preset), allowed, func(text string) (any, string) {
		x, err := strconv.ParseFloat(text, 64)
		if err != nil || !(x >= least && x <= most) { // false for NaN, too
			return 0.0, "a number from " + allowed
		}
		return x, ""
	}}
}

func short(x float64) string {
	return strings.NewReplacer("e+0", "e", "e-0", "e-").Replace(strconv.FormatFloat(x, 'g', -1, 64))
}

// unset makes an option without a default: it is the zero value unless given.
func unset(o option) option {
	o.preset = ""
	return o
}

// choice makes an option with named values, the default first.
func choice(name, about string, of ...string) option {
	allowed := strings.Join(of, ", ")
	return option{name, about, of[0], allowed, func(text string) (any, string) {
		if !slices.Contains(of, text) {
			return "", "one of " + allowed
		}
		return text, ""
	}}
}

func yesOrNo(name, about string) option {
	o := choice(name, about, "no", "yes")
	read := o.read
	o.read = func(text string) (any, string) {
		_, wrong := read(text)
		return text == "yes", wrong
	}
	return o
}

func anyText(name, about string) option {
	return option{name, about, "", "", func(text string) (any, string) {
		if strings.TrimSpace(text) == "" {
			return "", "a text that is not blank"
		}
		return text, ""
	}}
}

func duration(name, preset, about string) option {
	return option{name, about, preset, "such as 90s or 5m", func(text string) (any, string) {
		d, err := time.ParseDuration(text)
		if err != nil || d <= 0 {
			return time.Duration(0), "a time above 0, such as 90s or 5m"
		}
		return d, ""
	}}
}

func pattern(name, about string) option {
	return option{name, about, "", "", func(text string) (any, string) {
		re, err := regexp.Compile(text)
		if err != nil || text == "" {
			return (*regexp.Regexp)(nil), `a regular expression of Go, such as "(?i)court|law"`
		}
		return re, ""
	}}
}

// defaults returns the meanings of options that are not given.
func defaults(options []option) values {
	v := values{read: map[string]any{}}
	for _, o := range options {
		v.read[o.name], _ = o.read(o.preset)
	}
	return v
}

func has(options []option, name string) bool {
	return slices.ContainsFunc(options, func(o option) bool { return o.name == name })
}

func optionNames(options []option) string {
	if len(options) == 0 {
		return "it has none"
	}
	list := make([]string, len(options))
	for i, o := range options {
		list[i] = o.name
	}
	return "want one of " + strings.Join(list, ", ")
}
