"""Trains a critic or a generator on records of goselfrag, all weights or LoRA.

    python train.py generator BASE DATA.jsonl OUT [--lora] [--batch N] [--accumulate N]
    python train.py critic    BASE DATA.jsonl OUT [--lora] [--batch N] [--accumulate N]

BASE is a folder or a name at Hugging Face. OUT becomes a whole model with its tokenizer:
LoRA is merged into it.
"""

import argparse
import json

import torch
from transformers import AddedToken, AutoModelForCausalLM, AutoTokenizer, Trainer, TrainingArguments

from collator import Collator

TOKENS = ["[No Retrieval]", "[Retrieval]", "[Continue to Use Evidence]", "[Irrelevant]", "[Relevant]", "<paragraph>", "</paragraph>",
          "[Utility:1]", "[Utility:2]", "[Utility:3]", "[Utility:4]", "[Utility:5]",
          "[Fully supported]", "[Partially supported]", "[No support / Contradictory]"]
# Those of the paper, for 7B. A batch is of all processors, 128 and 16 records.
PAPER = {"generator": dict(lr_scheduler_type="linear", warmup_steps=0.03), "critic": dict(lr_scheduler_type="cosine", warmup_steps=0.01)}
LENGTH = {"generator": 2048, "critic": 512}

parser = argparse.ArgumentParser()
parser.add_argument("kind", choices=PAPER)
parser.add_argument("base")
parser.add_argument("data")
parser.add_argument("out")
parser.add_argument("--lora", action="store_true")
parser.add_argument("--batch", type=int, default=1, help="records a processor at a time")
parser.add_argument("--accumulate", type=int, default=16, help="batches a step")
parser.add_argument("--epochs", type=float, default=3)
parser.add_argument("--rate", type=float, default=2e-5)
a = parser.parse_args()

# A critic's label is text and its records have no passage to mask.
records = [{"masked": [], **json.loads(line)} if a.kind == "critic" else json.loads(line) for line in open(a.data, encoding="utf-8")]
tokenizer = AutoTokenizer.from_pretrained(a.base)
gpu = torch.cuda.is_available()
# Weights that are trained stay in float32: steps of this size are lost in bfloat16.
model = AutoModelForCausalLM.from_pretrained(a.base, dtype=torch.bfloat16 if gpu and a.lora else torch.float32)

known = len(tokenizer)
if a.kind == "generator":
    # Not as special tokens: servers hide those.
    tokenizer.add_tokens([AddedToken(t, normalized=False, special=False) for t in TOKENS])
if tokenizer.pad_token is None:
    tokenizer.add_special_tokens({"pad_token": "<pad>"})
new = list(range(known, len(tokenizer)))
if new:
    model.resize_token_embeddings(len(tokenizer), mean_resizing=False)
    with torch.no_grad():
        for matrix in model.get_input_embeddings().weight, model.get_output_embeddings().weight:
            matrix[known:] = matrix[:known].mean(0)
model.config.pad_token_id = tokenizer.pad_token_id

if a.lora:
    from peft import LoraConfig, get_peft_model

    model = get_peft_model(model, LoraConfig(task_type="CAUSAL_LM", r=64, lora_alpha=16, lora_dropout=0.1, target_modules="all-linear",
                                             trainable_token_indices={"embed_tokens": new, "lm_head": new} if new else None))

trainer = Trainer(model=model, train_dataset=records, data_collator=Collator(tokenizer, LENGTH[a.kind]), args=TrainingArguments(
    output_dir=a.out, num_train_epochs=a.epochs, per_device_train_batch_size=a.batch, gradient_accumulation_steps=a.accumulate,
    learning_rate=a.rate, weight_decay=0.0, bf16=gpu, gradient_checkpointing=True,
    remove_unused_columns=False, logging_steps=1, save_strategy="no", report_to="none", seed=1, **PAPER[a.kind]))
trainer.train()

if a.lora:
    trainer.model.merge_and_unload().save_pretrained(a.out)
else:
    trainer.save_model(a.out)
tokenizer.save_pretrained(a.out)
