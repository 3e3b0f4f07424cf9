package feature

import (
	"fmt"
	"maps"
	"strings"

	"github.com/goselfrag/goselfrag/internal/analysis/keyword"
)

// Rarity holds the rarity of the stems of languages: their inverse document
// frequency, in nats.
type Rarity struct {
	// Common holds the rarity of stems that are not rare, with the signs of their languages.
	Common map[string]float64
	// Other is the rarity of all other stems.
	Other float64
}

// Of returns the rarity of a stem.
func (r Rarity) Of(stem string) float64 {
	if x, ok := r.Common[stem]; ok {
		return x
	}
	return r.Other
}

// The names of the tables: one has the rarity of other stems, and one per language,
// named with its code, has the rarity of its stems.
const (
	rarityTable = "rarity"
	otherKey    = "other stems"
)

// Tables returns r as tables of numbers.
func (r Rarity) Tables() map[string]map[string]float64 {
	tables := map[string]map[string]float64{rarityTable: {otherKey: r.Other}}
	for stem, x := range r.Common {
		name := rarityTable + " " + keyword.LanguageOf(stem).Code()
		if tables[name] == nil {
			tables[name] = map[string]float64{}
		}
		tables[name][stem[1:]] = x
	}
	return tables
}

// RarityOf is the inverse of [Rarity.Tables]; other tables are ignored. The error
// says that a table is missing, whose language is unknown or which number is not
// positive.
func RarityOf(tables map[string]map[string]float64) (Rarity, error) {
	other, ok := tables[rarityTable][otherKey]
	if !ok {
		return Rarity{}, fmt.Errorf("the table %q lacks %q", rarityTable, otherKey)
	}
	all := map[string]float64{otherKey: other}
	for name, table := range tables {
		code, ok := strings.CutPrefix(name, rarityTable+" ")
		if !ok {
			continue
		}
		l, ok := keyword.WithCode(code)
		if !ok {
			return Rarity{}, fmt.Errorf("the table %q is for the language %q, which is unknown", name, code)
		}
		for stem, x := range table {
			all[l.Tag()+stem] = x
		}
	}
	for stem, x := range all {
		if !(x > 0 && x < 100) {
			return Rarity{}, fmt.Errorf("the rarity of %q is %v: want a number above 0 and below 100", stem, x)
		}
	}
	common := maps.Clone(all)
	delete(common, otherKey)
	return Rarity{Common: common, Other: other}, nil
}
