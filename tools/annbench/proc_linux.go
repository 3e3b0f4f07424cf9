package main

import (
	"bufio"
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// residentBytes is the memory of this process.
func residentBytes() (int64, error) {
	raw, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		return 0, err
	}
	var size, pages int64
	if _, err := fmt.Sscan(string(raw), &size, &pages); err != nil {
		return 0, err
	}
	return pages * int64(os.Getpagesize()), nil
}

// readBytes is how many bytes this process has read by system calls.
func readBytes() (int64, error) {
	raw, err := os.ReadFile("/proc/self/io")
	if err != nil {
		return 0, err
	}
	var n int64
	if _, err := fmt.Sscanf(string(raw), "rchar: %d", &n); err != nil {
		return 0, err
	}
	return n, nil
}

// mappedBytes is how much of the mappings of a file has memory behind it.
func mappedBytes(path string) (int64, error) {
	path, err := filepath.EvalSymlinks(path) // as smaps has it
	if err != nil {
		return 0, err
	}
	raw, err := os.ReadFile("/proc/self/smaps")
	if err != nil {
		return 0, err
	}
	sum, within := int64(0), false
	for s := bufio.NewScanner(bytes.NewReader(raw)); s.Scan(); {
		line := s.Text()
		var kib int64
		switch first, _, _ := strings.Cut(line, " "); {
		case !strings.HasSuffix(first, ":"): // a mapping begins: address, rights, …, file
			within = strings.HasSuffix(line, " "+path)
		case within && first == "Rss:":
			if _, err := fmt.Sscanf(line, "Rss: %d kB", &kib); err != nil {
				return 0, err
			}
			sum += kib << 10
		}
	}
	return sum, nil
}
