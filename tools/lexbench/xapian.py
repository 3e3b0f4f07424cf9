"""Index texts and answer questions, both JSON lines, with Xapian."""
import json
import os
import sys
import time

import xapian

db = xapian.WritableDatabase(sys.argv[1], xapian.DB_CREATE_OR_OVERWRITE)
stem = xapian.Stem("en")
stopper = xapian.SimpleStopper()
for word in "what is the of and to in a was for on that with by as it at from he his be are this which or had an were not but have".split():
    stopper.add(word)
generator = xapian.TermGenerator()
generator.set_stemmer(stem)
generator.set_stemming_strategy(xapian.TermGenerator.STEM_ALL)
generator.set_stopper(stopper)
generator.set_stopper_strategy(xapian.TermGenerator.STOP_ALL)
questions = []
count, used = 0, 0.0
for line in sys.stdin:
    line = json.loads(line)
    if "question" in line:
        questions.append(line["question"])
        continue
    begin = time.process_time()
    doc = xapian.Document()
    generator.set_document(doc)
    generator.index_text_without_positions(line["text"])
    db.add_document(doc)
    used += time.process_time() - begin
    count += 1
begin = time.process_time()
db.commit()
used += time.process_time() - begin
size = sum(os.path.getsize(os.path.join(sys.argv[1], f)) for f in os.listdir(sys.argv[1]))
print("xapian %s: indexed %.0f a second of one processor, %d bytes a passage" % (xapian.version_string(), count / used, size // count))
db = xapian.Database(sys.argv[1])
parser = xapian.QueryParser()
parser.set_stemmer(stem)
parser.set_stemming_strategy(xapian.QueryParser.STEM_ALL)
parser.set_stopper(stopper)
parser.set_default_op(xapian.Query.OP_OR)
times = [1e9] * len(questions)
for round in range(5):
    for i, text in enumerate(questions):
        begin = time.perf_counter()
        enquire = xapian.Enquire(db)
        enquire.set_query(parser.parse_query(text, 0))
        for match in enquire.get_mset(0, 5):
            match.docid
        times[i] = min(times[i], time.perf_counter() - begin)
times.sort()
print("xapian: search: p50 %.3fms, p99 %.3fms" % (1e3 * times[len(times) // 2], 1e3 * times[int(0.99 * (len(times) - 1))]))
