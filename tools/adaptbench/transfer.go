package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/goselfrag/goselfrag/adapt"
	"github.com/goselfrag/goselfrag/eval/metric"
	"github.com/goselfrag/goselfrag/generator"
	"github.com/goselfrag/goselfrag/generator/extractive"
	"github.com/goselfrag/goselfrag/generator/sglang"
	"github.com/goselfrag/goselfrag/modelserver"
	"github.com/goselfrag/goselfrag/retriever"
	"github.com/goselfrag/goselfrag/retriever/dense"
)

// serverOf reads http://HOST:PORT/MODEL.
func serverOf(url string) (modelserver.Config, error) {
	at := strings.LastIndexByte(url, '/')
	if at < 0 {
		return modelserver.Config{}, errors.New("want http://HOST:PORT/MODEL")
	}
	return modelserver.Config{URLs: []string{url[:at]}, Model: url[at+1:]}, nil
}

// readerOf returns the reader of the model at a URL, or of the embedded model.
func readerOf(url string) (*adapt.Reader, error) {
	if url == "" || url == "embedded" {
		return adapt.NewReader(extractive.New(), "")
	}
	server, err := serverOf(url)
	if err != nil {
		return nil, err
	}
	m, err := sglang.New(sglang.Config{Server: server, Template: chat{}, NoTokens: true})
	if err != nil {
		return nil, err
	}
	return adapt.NewReader(m, "")
}

// chat is the layout of SmolLM2, with the passage before the question.
type chat struct{}

const (
	begins, ends = "<|im_start|>user\n", "<|im_end|>\n<|im_start|>assistant\n"
	shortly      = "\nAnswer with a few words."
)

func (chat) Name() string { return "chatml" }

func (chat) Hash() string {
	sum := sha256.Sum256([]byte(begins + shortly + ends))
	return hex.EncodeToString(sum[:])
}

func (chat) Render(p generator.Prompt, special ...string) (string, error) {
	if err := p.Check(); err != nil {
		return "", err
	}
	var data strings.Builder
	for _, e := range p.Evidence {
		if e.Title != "" {
			data.WriteString(e.Title + "\n")
		}
		data.WriteString(e.Text + "\n\n")
	}
	data.WriteString(p.Instruction)
	return begins + generator.Neutralize(data.String(), append(special, "<|im_start|>", "<|im_end|>")...) + shortly + ends, nil
}

// over prints the figures of an adapter on all questions of a set that it was not trained on.
func over(ctx context.Context, w io.Writer, signal string, a *adapt.Adapter, e dense.Embedder, s set) error {
	var groups []string
	for _, q := range s.questions {
		groups = append(groups, strings.Join(q.Positive, " "))
	}
	var recall, mrr [2][]float64
	for i, e := range []dense.Embedder{e, a.Over(e)} {
		index, err := dense.New(ctx, e, s.passages, dense.Options{})
		if err != nil {
			return err
		}
		for _, q := range s.questions {
			res, err := index.Retrieve(ctx, retriever.Query{Text: q.Question, K: 10})
			if err != nil {
				return err
			}
			var ids []string
			for _, h := range res.Hits {
				ids = append(ids, h.Passage.ID)
			}
			recall[i] = append(recall[i], metric.Recall(ids, q.Positive, 5))
			mrr[i] = append(mrr[i], metric.ReciprocalRank(ids, q.Positive, 10))
		}
	}
	cells := []string{signal + " on " + s.name, fmt.Sprintf("-/-/%d", len(s.questions)), fmt.Sprint(distinct(groups))}
	for _, values := range [][2][]float64{recall, mrr} {
		d, err := metric.Bootstrap{Groups: groups}.Difference(values[1], values[0])
		if err != nil {
			return err
		}
		before, _ := metric.Mean(values[0])
		after, _ := metric.Mean(values[1])
		cells = append(cells, fmt.Sprintf("%.4f -> %.4f", before, after), difference(d))
	}
	_, err := fmt.Fprintln(w, strings.Join(append(cells, "-", "-", "-", "-", "-"), "\t"))
	return err
}

func distinct(list []string) int {
	seen := map[string]bool{}
	for _, s := range list {
		seen[s] = true
	}
	return len(seen)
}
