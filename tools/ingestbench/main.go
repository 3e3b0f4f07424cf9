// Command ingestbench measures how fast documents become passages, and in how much
// memory.
//
//	go -C tools run ./ingestbench [-n 1000000] [-words 100] [-formats tsv,jsonl,words,txt]
//
// It writes N passages of random words to a temporary folder, once for each format,
// and streams them: records as they are, plain text (in files of 1000 passages, each
// sentence of ten words) cut anew, into whole sentences (txt) or blocks of words (words).
// Beside each is the time that the standard library takes only to parse the same files,
// and the ratio of the two times. With -clean the passages of the last format are kept
// and cleaned as well. With -hostile it reads documents made to take much memory, and
// prints the memory as a multiple of their size.
//
// Memory is the greatest resident size of the process while a line was measured, on
// Linux; elsewhere it is not printed.
package main

import (
	"bufio"
	"context"
	"encoding/csv"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"log"
	"math/rand/v2"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"
	"time"

	"github.com/goselfrag/goselfrag/retriever"
	"github.com/goselfrag/goselfrag/retriever/ingest"
	"github.com/goselfrag/goselfrag/retriever/ingest/clean"
)

func main() {
	log.SetFlags(0)
	log.SetPrefix("ingestbench: ")
	n := flag.Int("n", 1_000_000, "how many `passages`")
	words := flag.Int("words", 100, "how many `words` in each")
	formats := flag.String("formats", "tsv,jsonl,words,txt", "what to measure, of tsv, jsonl, words and txt")
	cleaning := flag.Bool("clean", false, "clean the passages of the last format too")
	hostileSize := flag.Int("hostile", 0, "instead, read hostile documents of so many `bytes` each")
	flag.Parse()
	if *n < 1 || *words < 1 {
		log.Fatal("-n and -words must be at least 1")
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if *hostileSize > 0 {
		readHostile(ctx, os.Stdout, *hostileSize)
		return
	}
	dir, err := os.MkdirTemp("", "ingestbench")
	if err != nil {
		log.Fatal(err)
	}
	err = run(ctx, os.Stdout, dir, *n, *words, strings.Split(*formats, ","), *cleaning)
	os.RemoveAll(dir)
	if err != nil {
		log.Fatal(err)
	}
}

func run(ctx context.Context, out io.Writer, dir string, n, words int, formats []string, cleaning bool) error {
	fmt.Fprintf(out, "%d passages of %d words, %d processors\n", n, words, runtime.GOMAXPROCS(0))
	for i, format := range formats {
		files, size, err := write(ctx, filepath.Join(dir, strconv.Itoa(i)), format, n, words)
		if err != nil {
			return err
		}
		base, err := measure(ctx, files, func(f *os.File) (int, error) { return parse(f, format) })
		if err != nil {
			return err
		}
		keep := cleaning && i == len(formats)-1
		var kept []retriever.Passage
		var o ingest.Options
		if format == "words" {
			o.Split = ingest.Split{Whole: ingest.WholeWords, Size: words}
		}
		ours, err := measure(ctx, files, func(f *os.File) (int, error) {
			count := 0
			for p, err := range ingest.Stream(ctx, filepath.Base(f.Name()), f, o) {
				if err != nil {
					return count, err
				}
				if count++; keep {
					kept = append(kept, p)
				}
			}
			return count, nil
		})
		if err != nil {
			return err
		}
		if !isText(format) && (ours.count != n || base.count != n) {
			return fmt.Errorf("%s: %d passages, the standard library %d, want %d", format, ours.count, base.count, n)
		}
		fmt.Fprintf(out, "%-6s %9.0f passages/s, %6.1f MB/s, %s, %.2f times as long as the standard library (%s)\n", format,
			float64(ours.count)/ours.time.Seconds(), float64(size)/1e6/ours.time.Seconds(), ours.memory(), ours.time.Seconds()/base.time.Seconds(), base.memory())
		if keep {
			if err := cleanAll(ctx, out, kept); err != nil {
				return err
			}
		}
	}
	return nil
}

func isText(format string) bool { return format == "txt" || format == "words" }

func cleanAll(ctx context.Context, out io.Writer, passages []retriever.Passage) error {
	for _, o := range []clean.Options{{}, {Letters: 0.5, Boilerplate: 5, NearDuplicate: 0.8}} {
		resetPeak()
		start := time.Now()
		_, report, err := clean.Passages(ctx, passages, o)
		if err != nil {
			return err
		}
		t := result{time: time.Since(start), peak: peak()}
		fmt.Fprintf(out, "clean  %9.0f passages/s, %s, %+v: %v\n", float64(len(passages))/t.time.Seconds(), t.memory(), o, report)
	}
	return nil
}

// result is one measurement.
type result struct {
	count int
	time  time.Duration
	peak  int64 // in bytes, 0 if it is not known
}

func (r result) memory() string {
	if r.peak == 0 {
		return "memory not known"
	}
	return fmt.Sprintf("%d MB", r.peak>>20)
}

func measure(ctx context.Context, files []string, read func(*os.File) (int, error)) (result, error) {
	debug.FreeOSMemory()
	resetPeak()
	var r result
	start := time.Now()
	for _, name := range files {
		if err := ctx.Err(); err != nil {
			return r, err
		}
		f, err := os.Open(name)
		if err != nil {
			return r, err
		}
		n, err := read(f)
		f.Close()
		if err != nil {
			return r, err
		}
		r.count += n
	}
	r.time, r.peak = time.Since(start), peak()
	return r, nil
}

// parse reads a file with nothing but the standard library.
func parse(f *os.File, format string) (int, error) {
	in := bufio.NewReaderSize(f, 1<<16)
	n := 0
	switch format {
	case "tsv":
		r := csv.NewReader(in)
		r.Comma = '\t'
		for {
			if _, err := r.Read(); err == io.EOF {
				return n - 1, nil // the first row has the names
			} else if err != nil {
				return n, err
			}
			n++
		}
	case "jsonl":
		for d := json.NewDecoder(in); ; n++ {
			var p struct{ ID, Title, Text string }
			if err := d.Decode(&p); err == io.EOF {
				return n, nil
			} else if err != nil {
				return n, err
			}
		}
	}
	for s := bufio.NewScanner(in); s.Scan(); {
		n += len(strings.Fields(s.Text())) / 100
	}
	return n, nil
}

// write writes the files of a format into a new folder and returns their names and
// size.
func write(ctx context.Context, dir, format string, n, words int) (files []string, size int64, err error) {
	if err := os.Mkdir(dir, 0o700); err != nil {
		return nil, 0, err
	}
	perFile, ending := n, format
	switch format {
	case "txt", "words":
		perFile, ending = 1000, "txt"
	case "tsv", "jsonl":
	default:
		return nil, 0, fmt.Errorf("-formats: %q: want tsv, jsonl, words or txt", format)
	}
	rng := rand.New(rand.NewPCG(1, 2))
	for from := 0; from < n; from += perFile {
		if err := ctx.Err(); err != nil {
			return nil, 0, err
		}
		name := filepath.Join(dir, fmt.Sprintf("%07d.%s", from, ending))
		written, err := writeFile(name, format, from, min(from+perFile, n), words, rng)
		if err != nil {
			return nil, 0, err
		}
		files, size = append(files, name), size+written
	}
	return files, size, nil
}

func writeFile(name, format string, from, to, words int, rng *rand.Rand) (int64, error) {
	f, err := os.Create(name)
	if err != nil {
		return 0, err
	}
	defer f.Close()
	w := bufio.NewWriterSize(f, 1<<20)
	table := csv.NewWriter(w)
	table.Comma = '\t'
	if format == "tsv" {
		err = table.Write([]string{"id", "text", "title"})
	}
	lines := json.NewEncoder(w)
	for i := from; i < to && err == nil; i++ {
		id, title, text := strconv.Itoa(i+1), fmt.Sprintf("Title %d", i/5), prose(rng, words)
		switch format {
		case "tsv":
			err = table.Write([]string{id, text, title})
		case "jsonl":
			err = lines.Encode(map[string]string{"id": id, "title": title, "text": text})
		default:
			_, err = w.WriteString(text + "\n\n")
		}
	}
	table.Flush()
	if err == nil {
		err = w.Flush()
	}
	if err != nil {
		return 0, err
	}
	info, err := f.Stat()
	if err != nil {
		return 0, err
	}
	return info.Size(), f.Close()
}

// prose makes sentences of ten words; every fourth passage has a quotation.
func prose(rng *rand.Rand, words int) string {
	var b strings.Builder
	quoted := rng.IntN(4) == 0
	for i := range words {
		if i > 0 {
			b.WriteByte(' ')
		}
		word := make([]byte, 2+rng.IntN(8))
		for k := range word {
			word[k] = byte('a' + rng.IntN(26))
		}
		if i%10 == 0 {
			word[0] -= 'a' - 'A'
		}
		if quoted && i == 3 {
			b.WriteString(`"` + string(word) + `"`)
		} else {
			b.Write(word)
		}
		if i%10 == 9 || i == words-1 {
			b.WriteByte('.')
		}
	}
	return b.String()
}
