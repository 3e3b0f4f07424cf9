"""Records what postprocess_data.py of the released code (1fcdc42) makes of made-up inputs.

    python3 record.py /path/to/postprocess_data.py > released.json

The modules that it imports and does not need here are stubs. Its draws come from the case:
random.random() from "floats", random.sample() of a range from "picks", scaled to its length.
"""
import contextlib, importlib.util, io, json, os, random, sys, tempfile, types

for name in ["jsonlines", "spacy", "transformers", "tqdm", "numpy"]:
    sys.modules[name] = types.ModuleType(name)
sys.modules["spacy"].load = lambda name: None
sys.modules["transformers"].AutoTokenizer = None
sys.modules["tqdm"].tqdm = lambda x: x


class Lines:
    def __init__(self, name, mode="r"):
        self.file = open(name, mode)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.file.close()

    def write_all(self, data):
        self.file.writelines(json.dumps(d) + "\n" for d in data)


sys.modules["jsonlines"].open = Lines
spec = importlib.util.spec_from_file_location("released", sys.argv[1])
released = importlib.util.module_from_spec(spec)
spec.loader.exec_module(released)

WORDS = ["Alpha", "Beta", "Gamma", "Delta"]
RELEVANCE = ["[Relevant]", "[Irrelevant]"]
SUPPORT = ["[Fully supported]", "[Partially supported]", "[No support / Contradictory]"]
RETRIEVE = ["[Retrieval]", "[No Retrieval]", "[Continue to Use Evidence]"]


def make(rng):
    sentences = [w + (" is a word that says something long." if rng.random() < 0.8 else " is so.") for w in WORDS[: rng.randint(1, 4)]]
    if rng.random() < 0.15:
        sentences = [rng.choice(["true", "false", "SUPPORTS", "REFUTES"])]
    passages = []
    for s in range(len(sentences)):
        row = []
        for k in range(4):
            relevance = rng.choice(RELEVANCE)
            support = rng.choice(SUPPORT)
            if rng.random() < 0.05:
                relevance = ""
            elif relevance == "[Relevant]" and rng.random() < 0.1:
                support = ""
            row.append([relevance, support])
        passages.append(row)
    return {
        "dataset": rng.choice(["nq", "nq", "fever", "wow", "asqa", "gpt4_alpaca"]),
        "sentences": sentences,
        "initial": rng.choice(["[Retrieval]", "[Retrieval]", "[Retrieval]", "[No Retrieval]"]),
        "decisions": [rng.choice(RETRIEVE + ["[Retrieval]", "unclear"]) for _ in sentences],
        "passages": passages,
        "utility": "[Utility:%d]" % rng.randint(1, 5),
        "negative": rng.random() < 0.2,
        "floats": [round(rng.random(), 3) for _ in range(8)],
        "picks": [round(rng.random(), 3) for _ in range(12)],
    }


def run(case, folder):
    n = len(case["sentences"])
    files = {
        "utility_pred": [{"id": "1", "pred": case["utility"]}],
        "retrieval_i_only": [{"id": "1", "pred": case["initial"]}],
        "retrieval_multi": [{"id": "1", "sent_idx": s, "pred": case["decisions"][s]} for s in range(n)],
        "relevance_pred": [{"id": "1", "sent_idx": s, "p_idx": k, "pred": case["passages"][s][k][0]} for s in range(n) for k in range(4)],
        "groudness_pred": [{"id": "1", "sent_idx": s, "p_idx": k, "pred": case["passages"][s][k][1]} for s in range(n) for k in range(4)],
        "orig_input_data": [{"id": "1", "instruction": "Question?", "output": " ".join(case["sentences"]), "dataset_name": case["dataset"]}],
        "retrieval_data": [{"id": "1", "sent_idx": s, "ctxs": [{"title": "Title %d.%d" % (s, k), "text": "Passage %d for sentence %d" % (k, s)} for k in range(4)]} for s in range(n)],
        "splitted_input_data": [{"id": "1", "splitted_output": case["sentences"], "skipped": {str(s): n > 2 and len(t) < 30 for s, t in enumerate(case["sentences"])}}],
    }
    sys.argv = ["postprocess_data.py", "--output_fn", os.path.join(folder, "out")] + (["--negative_samples"] if case["negative"] else [])
    for name, rows in files.items():
        path = os.path.join(folder, name + ".json")
        json.dump(rows, open(path, "w"))
        sys.argv += ["--" + name, path]
    floats, picks = iter(case["floats"]), iter(case["picks"])
    random.random = lambda: next(floats)

    def sample(population, k):
        if isinstance(population, range):
            return [int(next(picks) * len(population))]
        return population[:k]

    random.sample = sample
    with contextlib.redirect_stdout(io.StringIO()):
        released.main()
    made = json.load(open(os.path.join(folder, "out.json")))
    return made[0]["output"] if made else None


rng = random.Random(1)
cases = [make(rng) for _ in range(400)]
with tempfile.TemporaryDirectory() as folder:
    for case in cases:
        case["output"] = run(case, folder)
print("[\n" + ",\n".join(json.dumps(c) for c in cases) + "\n]")
