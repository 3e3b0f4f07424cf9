package main

import "context"

func openCoder(context.Context, *workspace, int) (engine, error) {
	return nil, &unavailable{"coder/hnsw does not build on Windows", "measure it on another system"}
}
