// Command storebench measures package store on made-up passages with made-up vectors.
//
//	go -C tools run ./storebench -n 100000 -dim 384 [-dir D] [-peers chromem]
//
// One process fills a store, another one opens it and measures: the time to the first answer,
// memory after 1,000 questions, hybrid search without a filter and with filters that hold for
// 50, 10, 1 and 0.1 % of the passages, recall at 10 of the vectors against a scan, puts of 100
// passages beside questions, and the size of the folder. With -peers chromem, chromem-go loads
// the same passages and vectors in a process of its own. With -dir, an existing folder is
// measured again, and not filled.
package main

import (
	"context"
	"flag"
	"fmt"
	"log"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// config is what is measured.
type config struct {
	n, dim int
	dir    string
}

func main() {
	log.SetFlags(0)
	log.SetPrefix("storebench: ")
	var c config
	flag.IntVar(&c.n, "n", 100_000, "how many `passages`")
	flag.IntVar(&c.dim, "dim", 384, "`components` of a vector")
	flag.StringVar(&c.dir, "dir", "", "`folder` to fill or to measure again; one that is removed if empty")
	peers := flag.String("peers", "", "chromem")
	stage := flag.String("stage", "", "for the processes that this one starts")
	flag.Parse()
	if c.n < 1000 || c.dim < 8 {
		log.Fatal("want -n of at least 1000 and -dim of at least 8")
	}
	if err := run(c, *stage, *peers); err != nil {
		log.Fatal(err)
	}
}

// stages are the steps that run in processes of their own.
var stages = map[string]func(context.Context, config) error{
	"fill":         fill,
	"ask":          ask,
	"fill-chromem": fillChromem,
	"ask-chromem":  askChromem,
}

func run(c config, stage, peers string) error {
	if stage != "" {
		f := stages[stage]
		if f == nil {
			return fmt.Errorf("-stage %q is unknown", stage)
		}
		return f(context.Background(), c)
	}
	if c.dir == "" {
		dir, err := os.MkdirTemp("", "storebench-")
		if err != nil {
			return err
		}
		defer os.RemoveAll(dir)
		c.dir = dir
	}
	var list []string
	if _, err := os.Stat(filepath.Join(c.dir, "store", "store.db")); err != nil {
		list = append(list, "fill")
	}
	list = append(list, "ask")
	for _, p := range strings.FieldsFunc(peers, func(r rune) bool { return r == ',' }) {
		if p != "chromem" {
			return fmt.Errorf("-peers has %q: want chromem", p)
		}
		list = append(list, "fill-chromem", "ask-chromem")
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	for _, s := range list {
		cmd := exec.Command(self, "-stage", s, "-n", fmt.Sprint(c.n), "-dim", fmt.Sprint(c.dim), "-dir", c.dir)
		cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
		if err := cmd.Run(); err != nil {
			return fmt.Errorf("%s: %w", s, err)
		}
	}
	return nil
}
