package scoring

import (
	"encoding"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"
)

func TestDefaults(t *testing.T) {
	const want = `{"weights":{"is_rel":1,"is_sup":1,"is_use":0.5,"sequence":1},"sequence":"auto",` +
		`"utility_scale":[-1,-0.5,0,0.5,1],"missing_log_prob":0,"absent":{"is_rel":0,"is_sup":0,"is_use":0}}`
	got, err := json.Marshal(DefaultConfig())
	if err != nil || string(got) != want {
		t.Errorf("got %s, %v\nwant %s", got, err, want)
	}
	var back Config
	if err := json.Unmarshal(got, &back); err != nil || back != DefaultConfig() {
		t.Errorf("read back %+v, %v", back, err)
	}
}

func TestConfigCheck(t *testing.T) {
	nan, inf := math.NaN(), math.Inf(1)
	tests := []struct {
		field string // "" for a good configuration
		set   func(*Config)
	}{
		{"", func(*Config) {}},
		{"", func(c *Config) { *c = Config{} }},
		{"", func(c *Config) { c.Weights.Support = -2 }},
		{"", func(c *Config) { c.Weights.Support = 1e4 }},
		{"", func(c *Config) { c.MissingLogProb = -100 }},
		{"Weights.Relevance", func(c *Config) { c.Weights.Relevance = nan }},
		{"Weights.Support", func(c *Config) { c.Weights.Support = inf }},
		{"Weights.Utility", func(c *Config) { c.Weights.Utility = -inf }},
		{"Weights.Sequence", func(c *Config) { c.Weights.Sequence = 1e101 }},
		{"UtilityScale[0]", func(c *Config) { c.UtilityScale[0] = nan }},
		{"UtilityScale[4]", func(c *Config) { c.UtilityScale[4] = inf }},
		{"MissingLogProb", func(c *Config) { c.MissingLogProb = 0.1 }},
		{"MissingLogProb", func(c *Config) { c.MissingLogProb = -inf }},
		{"MissingLogProb", func(c *Config) { c.MissingLogProb = nan }},
		{"Absent.Relevance", func(c *Config) { c.Absent.Relevance = nan }},
		{"Absent.Support", func(c *Config) { c.Absent.Support = nan }},
		{"Absent.Utility", func(c *Config) { c.Absent.Utility = nan }},
		{"Sequence", func(c *Config) { c.Sequence = "9" }},
	}
	for i, tt := range tests {
		t.Run(fmt.Sprint(i, tt.field), func(t *testing.T) {
			c := DefaultConfig()
			tt.set(&c)
			wantConfigError(t, c.Check(), tt.field)
		})
	}
}

// wantConfigError checks that err is nil for an empty field, and otherwise names
// the field and says what is wanted.
func wantConfigError(t *testing.T, err error, field string) {
	t.Helper()
	if field == "" {
		if err != nil {
			t.Errorf("unexpected error %v", err)
		}
		return
	}
	var e *ConfigError
	if !errors.As(err, &e) {
		t.Fatalf("got %v, want a *ConfigError", err)
	}
	if e.Field != field || !strings.HasPrefix(e.Error(), "scoring: "+field+": "+e.Reason) || e.Reason == "" {
		t.Errorf("got %v, want it to name %s", err, field)
	}
}

// TestNames: every value of every enumeration is written and read under the name
// listed here.
func TestNames(t *testing.T) {
	type enum interface {
		fmt.Stringer
		encoding.TextMarshaler
	}
	tests := []struct {
		want  string
		value func(i uint8) enum
		parse func(text []byte) (enum, error)
		count uint8
	}{
		{
			"unknown no-retrieval retrieval continue",
			func(i uint8) enum { return Choice(i) },
			func(b []byte) (enum, error) { var v Choice; err := v.UnmarshalText(b); return v, err }, 4,
		},
		{
			"off exact absent zero-sum assumed bounded unknown pending",
			func(i uint8) enum { return TermKind(i) },
			func(b []byte) (enum, error) { var v TermKind; err := v.UnmarshalText(b); return v, err }, 8,
		},
	}
	for _, tt := range tests {
		t.Run(fmt.Sprintf("%T", tt.value(0)), func(t *testing.T) {
			names := strings.Fields(tt.want)
			for i, want := range names {
				v := tt.value(uint8(i))
				text, err := v.MarshalText()
				if v.String() != want || string(text) != want || err != nil {
					t.Errorf("%d is written %q and %q, %v; want %q", i, v, text, err, want)
				}
				if back, err := tt.parse(text); back != v || err != nil {
					t.Errorf("%q is read as %v, %v", text, back, err)
				}
			}
			past := tt.value(tt.count)
			if len(names) != int(tt.count) || !strings.HasSuffix(past.String(), fmt.Sprintf("(%d)", tt.count)) {
				t.Errorf("%v follows the last name", past)
			}
			if text, err := past.MarshalText(); err == nil {
				t.Errorf("a number without a name is written %q", text)
			}
			for _, bad := range []string{"", "Mean", "Auto", "other"} {
				if v, err := tt.parse([]byte(bad)); err == nil || v != tt.value(0) {
					t.Errorf("%q is read as %v, %v; want an error", bad, v, err)
				}
			}
		})
	}
}

// Settings are their names. The zero value is written as the default that it means.
func TestTexts(t *testing.T) {
	testTexts(t, []Sequence{"auto", "none", "geometric", "probability"}, func(v *Sequence, b []byte) error { return v.UnmarshalText(b) })
	testTexts(t, []PathScore{"mean", "sum", "product"}, func(v *PathScore, b []byte) error { return v.UnmarshalText(b) })
}

func testTexts[E interface {
	~string
	encoding.TextMarshaler
}](t *testing.T, names []E, parse func(*E, []byte) error) {
	t.Helper()
	for _, v := range names {
		var back E
		text, err := v.MarshalText()
		if string(text) != string(v) || err != nil || parse(&back, text) != nil || back != v {
			t.Errorf("%q is written %q, %v, and read as %q", v, text, err, back)
		}
	}
	if text, err := E("").MarshalText(); string(text) != string(names[0]) || err != nil {
		t.Errorf("the zero value is written %q, %v", text, err)
	}
	for _, bad := range []E{"Mean", "Auto", "other"} {
		if _, err := bad.MarshalText(); err == nil {
			t.Errorf("%q is written", bad)
		}
	}
	for _, bad := range []string{"", "Mean", "Auto", "other"} {
		var v E
		if err := parse(&v, []byte(bad)); err == nil || v != "" {
			t.Errorf("%q is read as %q, %v; want an error", bad, v, err)
		}
	}
}
