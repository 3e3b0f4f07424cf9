package ask

import (
	"encoding/json"
	"fmt"
	"io"

	"github.com/goselfrag/goselfrag/cmd/goselfrag/internal/command"
	"github.com/goselfrag/goselfrag/internal/show"
	"github.com/goselfrag/goselfrag/selfrag"
)

// printText prints the answer as text, in lines of at most width columns.
func printText(w io.Writer, a *selfrag.Answer, verbose bool, width int) {
	show.Answer(w, a, width)
	if len(a.Segments) > 0 || verbose {
		show.Legend(w, width)
	}
	if verbose {
		fmt.Fprintln(w)
		show.Details(w, a, width)
	}
}

// output is the form of -json.
type output struct {
	Question   string             `json:"question"`
	Answer     string             `json:"answer"`
	Cited      string             `json:"cited"`
	Segments   []selfrag.Segment  `json:"segments"`
	Citations  []selfrag.Citation `json:"citations"`
	Decision   selfrag.Decision   `json:"decision"`
	Candidates []candidate        `json:"candidates"`
	Abstained  bool               `json:"abstained"`
	Stop       selfrag.StopReason `json:"stop"`
	Score      float64            `json:"score"`
	Level      string             `json:"level"`
	Usage      any                `json:"usage"`
	Files      files              `json:"files"`
	Error      string             `json:"error,omitempty"`
}

type files struct {
	Read     int      `json:"read"`
	Passages int      `json:"passages"`
	Skipped  []string `json:"skipped"`
}

// candidate is one candidate with the id of its passage.
type candidate struct {
	Segment   int    `json:"segment"`
	Parent    int    `json:"parent"`
	PassageID string `json:"passage_id,omitempty"`
	selfrag.Candidate
}

func printJSON(w io.Writer, a *selfrag.Answer, read files, failure error) error {
	out := output{
		Question: a.Question, Answer: a.Text, Cited: a.Cited(),
		Segments: a.Segments, Citations: a.Citations, Decision: a.Decision,
		Candidates: []candidate{}, Abstained: a.Abstained, Stop: a.Stop,
		Score: a.Score, Level: a.Level.String(), Usage: a.Usage,
		Files: read,
	}
	if failure != nil {
		out.Error = command.Words(failure)
	}
	if out.Files.Skipped == nil {
		out.Files.Skipped = []string{}
	}
	if out.Segments == nil {
		out.Segments, out.Citations = []selfrag.Segment{}, []selfrag.Citation{}
	}
	var expansions []*selfrag.Expansion
	if a.Trace != nil {
		expansions = a.Trace.Expansions
	}
	for _, e := range expansions {
		for _, c := range e.Candidates {
			x := candidate{Segment: e.Segment, Parent: e.Parent, Candidate: c}
			if c.Passage >= 0 {
				x.PassageID = e.Passages[c.Passage].Passage.ID
			}
			out.Candidates = append(out.Candidates, x)
		}
	}
	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")
	return enc.Encode(out)
}
