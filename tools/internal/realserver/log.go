package realserver

import (
	"fmt"
	"os"
	"regexp"
	"strconv"
)

// Load is a line of Ollama's debug log: a request that takes a cache slot.
type Load struct {
	Slot int
	// Cached is the number of tokens in the slot: those of the last request's prompt and
	// of its generated text.
	Cached int
	// Prompt is the number of tokens of the prompt, Used how many of them the slot
	// has already.
	Prompt, Used int
}

var loading = regexp.MustCompile(`msg="loading cache slot" id=(\d+) cache=(\d+) prompt=(\d+) used=(\d+)`)

// Loads reads a log. It holds a line for every request, in the order in which the
// server began to work on them.
func Loads(path string) ([]Load, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var list []Load
	for _, m := range loading.FindAllSubmatch(b, -1) {
		var n [4]int
		for i := range n {
			if n[i], err = strconv.Atoi(string(m[i+1])); err != nil {
				return nil, fmt.Errorf("%s: %q: %w", path, m[0], err)
			}
		}
		list = append(list, Load{n[0], n[1], n[2], n[3]})
	}
	return list, nil
}

// Generated returns how many tokens the server generated for the first request of list,
// including those after its reader left. The number is known once another request takes
// the same slot.
func Generated(list []Load) (tokens int, known bool) {
	for _, l := range list[1:] {
		if l.Slot == list[0].Slot {
			// The last token is not put into the cache.
			return l.Cached - list[0].Prompt + 1, true
		}
	}
	return 0, false
}
