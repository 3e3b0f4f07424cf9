//go:build !linux

package main

import "errors"

func residentBytes() (int64, error) { return 0, errors.ErrUnsupported }

func readBytes() (int64, error) { return 0, errors.ErrUnsupported }

func mappedBytes(string) (int64, error) { return 0, errors.ErrUnsupported }
