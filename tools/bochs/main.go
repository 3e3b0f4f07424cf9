// Command bochs checks the AVX-512 kernels on a machine that lacks AVX-512: it runs
// them in the emulator Bochs and compares the results with sums made here. The AVX2
// kernels run along, which checks the check.
//
//	apt-get install --no-install-recommends bochs bochs-term bochsbios vgabios binutils
//	go -C tools run ./bochs
//
// It boots no operating system, so it takes seconds: boot.asm switches the emulated
// processor to 64-bit mode and calls the kernels.
package main

import (
	"bytes"
	"context"
	"debug/elf"
	_ "embed"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// processor has AVX-512 with VNNI; `bochs -help cpu` lists those there are.
const processor = "tigerlake"

// The kernels' package is internal to retriever/hnsw and cannot be imported here. Its test
// program is built and read instead.
const (
	library       = "github.com/goselfrag/goselfrag"
	kernelPackage = library + "/retriever/hnsw/internal/kernel"
)

//go:embed boot.asm
var bootSource []byte

func main() {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	defer cancel()
	if err := runKernels(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "bochs:", err)
		os.Exit(1)
	}
}

// runKernels runs every kernel in the emulator, and prints the results.
func runKernels(ctx context.Context) error {
	dir, err := os.MkdirTemp("", "bochs")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	code, err := machineCode(ctx, dir)
	if err != nil {
		return err
	}
	boot, err := bootSector(ctx, dir)
	if err != nil {
		return err
	}
	var m image
	cases := m.cases(code)
	disk, err := m.disk(boot)
	if err != nil {
		return err
	}
	results, err := emulate(ctx, dir, disk, int(m.results))
	if err != nil {
		return err
	}
	return compare(cases, results)
}

// machineCode returns the instructions of the kernels by their names, from the test
// program of the package: it keeps all of them, and its symbols.
func machineCode(ctx context.Context, dir string) (map[string][]byte, error) {
	root, err := exec.CommandContext(ctx, "go", "list", "-m", "-f", "{{.Dir}}", library).Output()
	if err != nil {
		return nil, fmt.Errorf("finding the folder of %s: run this with go -C tools run ./bochs: %w", library, err)
	}
	program := filepath.Join(dir, "kernel.test")
	cmd := exec.CommandContext(ctx, "go", "-C", strings.TrimSpace(string(root)), "test", "-c", "-o", program, kernelPackage)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux", "GOARCH=amd64")
	if out, err := cmd.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("building the kernels: %w\n%s", err, out)
	}
	f, err := elf.Open(program)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	symbols, err := f.Symbols()
	if err != nil {
		return nil, err
	}
	code := map[string][]byte{}
	for _, s := range symbols {
		name, ok := strings.CutPrefix(s.Name, kernelPackage+".")
		// The other function of this name is the wrapper for callers in Go.
		name, abi0 := strings.CutSuffix(name, ".abi0")
		if !ok || !abi0 || elf.ST_TYPE(s.Info) != elf.STT_FUNC {
			continue
		}
		section := f.Sections[s.Section]
		text := make([]byte, s.Size)
		if _, err := section.ReadAt(text, int64(s.Value-section.Addr)); err != nil {
			return nil, fmt.Errorf("reading %s: %w", s.Name, err)
		}
		code[name] = text
	}
	for _, k := range kernels {
		if code[k] == nil {
			return nil, fmt.Errorf("the package has no kernel %s", k)
		}
	}
	return code, nil
}

// bootSector assembles boot.asm.
func bootSector(ctx context.Context, dir string) ([]byte, error) {
	object, linked := filepath.Join(dir, "boot.o"), filepath.Join(dir, "boot.bin")
	as := exec.CommandContext(ctx, "as", "--64", "-o", object, "-")
	as.Stdin = bytes.NewReader(bootSource)
	if out, err := as.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("assembling boot.asm: %w\n%s", err, out)
	}
	ld := exec.CommandContext(ctx, "ld", "-m", "elf_x86_64", "-Ttext", "0x7c00", "--oformat", "binary", "-o", linked, object)
	if out, err := ld.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("linking boot.asm: %w\n%s", err, out)
	}
	boot, err := os.ReadFile(linked)
	if err == nil && len(boot) != sector {
		err = fmt.Errorf("boot.asm takes %d bytes: want %d", len(boot), sector)
	}
	return boot, err
}

// emulate boots the disk, and returns what the machine sent: size bytes.
func emulate(ctx context.Context, dir string, disk []byte, size int) ([]byte, error) {
	config := fmt.Sprintf(`cpu: model=%s, ips=1000000, reset_on_triple_fault=0
memory: guest=32, host=32
romimage: file=/usr/share/bochs/BIOS-bochs-latest
vgaromimage: file=/usr/share/bochs/VGABIOS-lgpl-latest
ata0-master: type=disk, path=disk, mode=flat, cylinders=%d, heads=%d, spt=%d
boot: disk
com1: enabled=1, mode=file, dev=serial
display_library: rfb, options="timeout=0"
sound: waveoutdrv=dummy, waveindrv=dummy, midioutdrv=dummy
plugin_ctrl: unmapped=1, biosdev=1, serial=1, speaker=0, extfpuirq=0, parallel=0, gameport=0, iodebug=0
panic: action=fatal
clock: sync=none
log: log
`, processor, len(disk)/cylinder, heads, sectorsPerTrack)
	for name, data := range map[string][]byte{"disk": disk, "config": []byte(config), "commands": []byte("continue\n")} {
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o600); err != nil {
			return nil, err
		}
	}
	// Debian's Bochs is built with the debugger, which waits for a command.
	cmd := exec.CommandContext(ctx, "bochs", "-q", "-f", "config", "-rc", "commands")
	cmd.Dir = dir
	start := time.Now()
	screen, err := cmd.CombinedOutput() // it ends with an error whenever the machine stops itself
	if errors.Is(err, exec.ErrNotFound) {
		return nil, fmt.Errorf("%w; Debian has it in its package bochs", err)
	}
	if ctx.Err() != nil {
		return nil, fmt.Errorf("the emulation did not end: %w", ctx.Err())
	}
	results, err := os.ReadFile(filepath.Join(dir, "serial"))
	if len(results) != size {
		log, _ := os.ReadFile(filepath.Join(dir, "log"))
		return nil, fmt.Errorf("the emulated machine sent %d bytes: want %d (%v)\n%s\n%s", len(results), size, err, tail(log), tail(screen))
	}
	fmt.Printf("emulated a %s in %.0f s\n", processor, time.Since(start).Seconds())
	return results, nil
}

// tail returns the last lines of a log.
func tail(log []byte) []byte {
	const lines = 30
	all := bytes.Split(bytes.TrimSpace(log), []byte("\n"))
	return bytes.Join(all[max(0, len(all)-lines):], []byte("\n"))
}

// compare checks what the machine sent: the results of all cases as float32.
func compare(cases []testCase, sent []byte) error {
	results := make([]float32, len(sent)/4)
	if _, err := binary.Decode(sent, binary.LittleEndian, results); err != nil {
		return err
	}
	var errs []error
	passed, failed := map[string]int{}, map[string]bool{}
	for _, c := range cases {
		got := results[:len(c.want)]
		results = results[len(c.want):]
		if err := c.compare(got); err != nil {
			if !failed[c.kernel] { // one is enough to go by
				errs = append(errs, err)
			}
			failed[c.kernel] = true
			continue
		}
		passed[c.kernel] += len(c.want) - 1
	}
	for _, k := range kernels {
		if failed[k] {
			fmt.Printf("%-12s FAILED\n", k)
		} else {
			fmt.Printf("%-12s %d results are right\n", k, passed[k])
		}
	}
	return errors.Join(errs...)
}
