"""A collator of Self-RAG training records for Transformers."""

import torch

PROMPT = "### Instruction:\n{instruction}\n\n### Response:\n"
PROMPT_INPUT = "### Instruction:\n{instruction}\n\n### Input:\n{input}\n\n### Response:\n"


class Collator:
    """Makes a batch of records of goselfrag: input_ids, attention_mask and labels."""

    def __init__(self, tokenizer, max_length=2048):
        self.tokenizer, self.max_length = tokenizer, max_length

    def __call__(self, records):
        texts, rows = [self.text(r) for r in records], []
        batch = self.tokenizer([t for _, t in texts], max_length=self.max_length, truncation=True, padding=True,
                               return_offsets_mapping=True, return_tensors="pt")
        for record, (prompt, _), ids, offsets in zip(records, texts, batch["input_ids"], batch.pop("offset_mapping").tolist()):
            # Offsets and spans count code points. A token without loss has label -100.
            spans = [(0, prompt)] + [(prompt + a, prompt + b) for a, b in record["masked"]]
            masked = [s == e or any(s < b and a < e for a, b in spans) for s, e in offsets]
            rows.append(ids.masked_fill(torch.tensor(masked), -100))
        batch["labels"] = torch.stack(rows)
        return batch

    def text(self, record):
        prompt = (PROMPT_INPUT if record["input"] else PROMPT).format_map(record)
        return len(prompt), prompt + record["output"] + self.tokenizer.eos_token
