package prefix

import "testing"

func TestCommon(t *testing.T) {
	for name, c := range map[string]struct {
		texts []string
		want  string
	}{
		"none":            {nil, ""},
		"one":             {[]string{"whole"}, "whole"},
		"equal":           {[]string{"same", "same"}, "same"},
		"one continues":   {[]string{"a b c", "a b"}, "a b"},
		"nothing":         {[]string{"x", "y", "x"}, ""},
		"empty":           {[]string{"x", ""}, ""},
		"characters":      {[]string{"caf\u00e9", "caf\u00e8"}, "caf"},
		"at their start":  {[]string{"日本", "日"}, "日"},
		"third decides":   {[]string{"abcd", "abce", "abx"}, "ab"},
		"half characters": {[]string{"\xe6", "\xe7"}, ""},
	} {
		if got := Common(c.texts); got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}
