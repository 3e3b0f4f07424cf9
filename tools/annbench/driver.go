package main

import (
	"bufio"
	"bytes"
	"context"
	"embed"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/goselfrag/goselfrag/internal/atomicfile"
	"github.com/goselfrag/goselfrag/tools/internal/annset"
)

//go:embed driver
var sources embed.FS

// source is a driver that is compiled when it is needed. driver/driver.h describes its
// protocol.
type source struct {
	name, file string
	libraries  []string // arguments of the linker
	packages   string   // of Debian
}

var (
	hnswlib = source{"hnswlib", "hnswlib.cpp", []string{"-pthread"}, "libhnswlib-dev"}
	faiss   = source{"faiss", "faiss.cpp", []string{"-lfaiss", "-fopenmp", "-llapack", "-lblas"}, "libfaiss-dev"}
)

// driver is a library in a process of its own. The process stays alive so that rounds of
// several libraries can alternate.
type driver struct {
	source
	k   int
	cmd *exec.Cmd
	in  io.WriteCloser
	out *json.Decoder
	err bytes.Buffer
}

func (s source) open(ctx context.Context, w *workspace) (library, error) {
	program, err := s.compile(ctx, w.dir)
	if err != nil {
		return nil, err
	}
	base, queries := filepath.Join(w.dir, "base.fvecs"), filepath.Join(w.dir, "queries.fvecs")
	for path, v := range map[string]annset.Vectors{base: w.set.Base, queries: w.set.Queries} {
		if err := writeOnce(path, v); err != nil {
			return nil, err
		}
	}
	metric := "ip"
	if w.set.Metric == annset.L2 {
		metric = "l2"
	}
	d := &driver{source: s, k: w.k}
	d.cmd = exec.CommandContext(ctx, program, base, queries, metric, fmt.Sprint(w.m), fmt.Sprint(w.efConstruction), fmt.Sprint(w.k))
	// One thread except for builds; waiting threads sleep and cost no time.
	d.cmd.Env = append(os.Environ(), "OMP_NUM_THREADS=1", "OMP_WAIT_POLICY=passive")
	d.cmd.Stderr = &d.err
	if d.in, err = d.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	out, err := d.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	d.out = json.NewDecoder(bufio.NewReader(out))
	return d, d.cmd.Start()
}

// compile returns the path of the program. $CXX and $CXXFLAGS are used if they are set.
func (s source) compile(ctx context.Context, dir string) (string, error) {
	compiler, flags := os.Getenv("CXX"), os.Getenv("CXXFLAGS")
	if compiler == "" {
		compiler = "g++"
	}
	if flags == "" {
		flags = "-O3 -march=native"
	}
	remedy := "install them (Debian: apt-get install g++ " + s.packages + ")"
	if _, err := exec.LookPath(compiler); err != nil {
		return "", &unavailable{"needs a C++ compiler and " + s.name + ", and " + compiler + " is not found", remedy}
	}
	err := fs.WalkDir(sources, "driver", func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		raw, err := sources.ReadFile(path)
		if err != nil {
			return err
		}
		return os.WriteFile(filepath.Join(dir, e.Name()), raw, 0o666)
	})
	if err != nil {
		return "", err
	}
	program := filepath.Join(dir, "driver-"+s.name)
	args := append(strings.Fields(flags), filepath.Join(dir, s.file), "-o", program)
	out, err := exec.CommandContext(ctx, compiler, append(args, s.libraries...)...).CombinedOutput()
	if ctx.Err() != nil {
		return "", ctx.Err()
	}
	if err != nil {
		return "", &unavailable{"its driver does not compile (" + complaint(out, err) + ")", remedy}
	}
	return program, nil
}

// complaint is the first line of a compiler's output that says what is wrong.
func complaint(out []byte, err error) string {
	for line := range strings.Lines(string(out)) {
		if strings.Contains(line, "error:") || strings.Contains(line, "cannot find") {
			return strings.TrimSpace(line)
		}
	}
	return err.Error()
}

func writeOnce(path string, v annset.Vectors) error {
	if _, err := os.Stat(path); err == nil {
		return nil
	}
	return atomicfile.Write(path, func(f *os.File) error { return annset.WriteFvecs(f, v) })
}

// reply has the fields of all answers.
type reply struct {
	CPU      float64 `json:"cpu_s"`
	Wall     float64 `json:"wall_s"`
	Resident int64   `json:"rss_bytes"`
	Bytes    int64   `json:"bytes"`
	Passes   int     `json:"passes"`
	IDs      []int32 `json:"ids"`
	Error    string  `json:"error"`
}

func (r reply) cost() cost {
	return cost{time.Duration(r.CPU * float64(time.Second)), time.Duration(r.Wall * float64(time.Second))}
}

func (d *driver) ask(format string, args ...any) (reply, error) {
	var r reply
	_, err := fmt.Fprintf(d.in, format+"\n", args...)
	if err == nil {
		err = d.out.Decode(&r)
	}
	if err != nil {
		return r, fmt.Errorf("%s: the driver stopped: %w: %s", d.name, err, strings.TrimSpace(d.err.String()))
	}
	if r.Error != "" {
		return r, fmt.Errorf("%s: %s", d.name, r.Error)
	}
	return r, nil
}

func (d *driver) build(_ context.Context, workers int) (built, error) {
	r, err := d.ask("build %d", workers)
	return built{cost: r.cost(), resident: r.Resident, counted: r.Bytes}, err
}

func (d *driver) search(_ context.Context, ef int, least time.Duration, ids []int32) (cost, int, error) {
	r, err := d.ask("search %d %g %d", ef, least.Seconds(), len(ids)/d.k)
	if err == nil && len(r.IDs) != len(ids) {
		err = fmt.Errorf("%s: %d ids: want %d", d.name, len(r.IDs), len(ids))
	}
	copy(ids, r.IDs)
	return r.cost(), r.Passes, err
}

func (d *driver) save(path string) (cost, error) {
	r, err := d.ask("save %s", path)
	return r.cost(), err
}

func (d *driver) load(path string) (cost, error) {
	r, err := d.ask("load %s", path)
	return r.cost(), err
}

func (d *driver) close() error {
	d.in.Close()
	return d.cmd.Wait()
}
