package docs

import (
	"regexp"
	"slices"
	"strings"
	"testing"
)

// released are the options of the released scripts at commit 1fcdc42.
var released = map[string]string{
	"run_short_form.py": `model_name input_file output_file task device max_new_tokens tokenizer_path download_dir ndocs world_size dtype
		threshold use_seqscore use_groundness use_utility beam_width max_depth w_rel w_sup w_use mode metric`,
	"run_long_form_static.py": `model_name input_file output_file task device max_new_tokens tokenizer_path download_dir ndocs world_size dtype
		threshold use_grounding use_seqscore use_utility beam_width max_depth w_rel w_sup w_use ignore_cont mode`,
	"run_baseline_lm.py": `model_name input_file retrieval_file mode device max_new_tokens int8bit metric top_n result_fp task prompt_name
		batch_size dtype world_size choices instruction download_dir api_key`,
	"passage_retrieval.py": `query passages passages_embeddings output_dir n_docs validation_workers per_gpu_batch_size save_or_load_index
		model_name_or_path no_fp16 question_maxlength indexing_batch_size projection_size n_subquantizers n_bits lang dataset lowercase normalize_text`,
	"generate_passage_embeddings.py": `passages output_dir prefix shard_id num_shards per_gpu_batch_size passage_maxlength model_name_or_path
		no_fp16 no_title lowercase normalize_text`,
}

var option = regexp.MustCompile("`--([a-z0-9_]+)`")

// porting.md has a row for every option of every script, once, and for no other.
func TestPorting(t *testing.T) {
	text := read(t, "porting.md")
	for script, names := range released {
		_, part, ok := strings.Cut(text, "\n## "+script+"\n")
		if !ok {
			t.Errorf("no section about %s", script)
			continue
		}
		part, _, _ = strings.Cut(part, "\n## ")
		var got []string
		for line := range strings.Lines(part) {
			cells := strings.Split(line, " | ")
			if !strings.HasPrefix(line, "| `--") || len(cells) < 2 {
				continue
			}
			for _, m := range option.FindAllStringSubmatch(cells[0], -1) {
				got = append(got, m[1])
			}
		}
		want := strings.Fields(names)
		slices.Sort(got)
		slices.Sort(want)
		if !slices.Equal(got, want) {
			t.Errorf("%s: rows about %q, want %q", script, got, want)
		}
	}
}
