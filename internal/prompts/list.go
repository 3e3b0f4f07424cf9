package prompts

import (
	"github.com/goselfrag/goselfrag/adapt"
	"github.com/goselfrag/goselfrag/critique/judge"
	"github.com/goselfrag/goselfrag/eval/judged"
	"github.com/goselfrag/goselfrag/eval/system"
	"github.com/goselfrag/goselfrag/generator"
	"github.com/goselfrag/goselfrag/rag"
	"github.com/goselfrag/goselfrag/reflection"
	"github.com/goselfrag/goselfrag/retriever/rerank"
	"github.com/goselfrag/goselfrag/retriever/rewrite"
	"github.com/goselfrag/goselfrag/retriever/summary"
	"github.com/goselfrag/goselfrag/selfrag"
)

const module = "github.com/goselfrag/goselfrag/"

// answers are the prompts by which chat models answer.
func answers() []Prompt {
	d := generator.DefaultChatTemplate()
	chat := func(t generator.TaskTemplate, field, use string) Prompt {
		return task("generator", t, use, "field "+field+" of generator.ChatTemplate, which is Template in the Config of generator/chat and generator/langchain")
	}
	return []Prompt{
		chat(d.Answer, "Answer", "Asks a chat model for the whole answer from what it knows: a short answer without a passage."),
		chat(d.AnswerFrom, "AnswerFrom", "Asks a chat model for the whole answer from passages: a short answer, one call per passage."),
		chat(d.Next, "Next", "Asks a chat model for the next sentence of the answer from what it knows: a long answer, a segment without a passage. Its text must hold "+generator.EndMark+"."),
		chat(d.NextFrom, "NextFrom", "Asks a chat model for the next sentence of the answer from passages: a long answer, one call per passage and segment. Its text must hold "+generator.EndMark+"."),
	}
}

// layouts are the forms in which a prompt is written for models that were trained for
// Self-RAG.
func layouts() []Prompt {
	evidence := []generator.Evidence{{Title: "{{title}}", Text: "{{passage}}"}}
	shown := generator.Prompt{
		Instruction: "{{instruction}}", Input: "{{input}}",
		Path: []generator.PathSegment{{
			Text: "{{segment}}", Evidence: evidence,
			Retrieve: reflection.Retrieval, Relevance: reflection.Relevant, Support: reflection.FullySupported,
		}},
		Evidence: evidence,
	}
	layout := func(t generator.SelfRAGTemplate, use string) Prompt {
		text, _ := t.Render(shown) // which is valid
		return Prompt{
			Name: t.Name(), Package: module + "generator", Hash: t.Hash(), Use: use,
			Replace:      "field Template of completions.Config, which generator/vllm, sglang, llamacpp and ollama take, too: another generator.PromptTemplate",
			Placeholders: []string{"input", "instruction", "passage", "segment", "title"},
			Messages:     []generator.Message{{Text: text}},
		}
	}
	return []Prompt{
		layout(generator.SelfRAGTemplate{}, "The form in which a model that was trained for Self-RAG gets a question, the answer so far and the next passage, shown here with one earlier segment. "+
			"Without a task the question is the instruction, and there is no input. The control tokens are those of the segment; the model writes what comes after the last one."),
		layout(generator.SelfRAGTemplate{OmitPathEvidence: true}, "The same without the passages of earlier segments, as in the released inference script."),
	}
}

// judgments are the prompts of the judge.
func judgments() []Prompt {
	d := judge.DefaultTemplates()
	of := func(t generator.TaskTemplate, field, use string) Prompt {
		return task("critique/judge", t, use, "field "+field+" of judge.Templates, the argument of judge.New")
	}
	const (
		one    = " One token, from a model that gives log-probabilities."
		object = " As JSON, from a model without log-probabilities or after a reply that is no label."
	)
	return []Prompt{
		of(d.Relevance, "Relevance", "Asks whether a passage helps to answer the question (IsREL)."+one),
		of(d.Support, "Support", "Asks how far a passage supports a segment (IsSUP)."+one),
		of(d.Utility, "Utility", "Asks how useful the answer is (IsUSE)."+one),
		of(d.Retrieve, "Retrieve", "Asks whether something must be looked up before the next sentence, while the answer has no current passage."+one),
		of(d.Continue, "Continue", "Asks whether the next sentence needs another passage, none, or the current one."+one),
		of(d.Sentence, "Sentence", "Asks what a sentence of a known answer needed: another passage, none, or the current one. For training data."+one),
		of(d.RelevanceJSON, "RelevanceJSON", "Asks whether a passage helps to answer the question (IsREL)."+object),
		of(d.SegmentJSON, "SegmentJSON", "Asks how far a passage supports a segment and how useful the answer is (IsSUP, IsUSE)."+object),
		of(d.UtilityJSON, "UtilityJSON", "Asks how useful an answer without a passage is (IsUSE)."+object),
		of(d.RetrieveJSON, "RetrieveJSON", "Asks whether something must be looked up before the next sentence, while the answer has no current passage."+object),
		of(d.ContinueJSON, "ContinueJSON", "Asks whether the next sentence needs another passage, none, or the current one."+object),
		of(d.SupportJSON, "SupportJSON", "Asks how far a passage supports a segment (IsSUP). For training data."+object),
		of(d.SentenceJSON, "SentenceJSON", "Asks what a sentence of a known answer needed: another passage, none, or the current one. For training data."+object),
		of(d.Repair, "Repair", "Follows one of the prompts for JSON if its reply could not be read."),
	}
}

// rewritings are the prompts of package rewrite.
func rewritings() []Prompt {
	of := func(t generator.TaskTemplate, variable, replace, use string) Prompt {
		return task("retriever/rewrite", t, use, "the template given to "+replace+" in place of rewrite."+variable)
	}
	const lines = "rewrite.NewLines (question, and count if it is wanted)"
	return []Prompt{
		of(rewrite.VariantsTemplate, "VariantsTemplate", lines, "Asks for other texts of a question, for RAG-Fusion: once per search."),
		of(rewrite.RephraseTemplate, "RephraseTemplate", lines, "Asks for queries to try when a search found nothing relevant, for rewrite.Retry."),
		of(rewrite.SubquestionsTemplate, "SubquestionsTemplate", lines, "Asks for the parts of a question, for rewrite.Decompose: once per question that is taken apart."),
		of(rewrite.HypotheticalTemplate, "HypotheticalTemplate", "rewrite.NewPassages (question, and count if it is wanted)", "Asks for an invented passage that answers the question, for HyDE: as often as passages are wanted."),
		of(rewrite.RouteTemplate, "RouteTemplate", "rewrite.NewModelRouter", "Asks which collections to search: once per search with retriever.Route."),
	}
}

// others are the prompts of packages that have one.
func others() []Prompt {
	return []Prompt{
		task("retriever/rerank", rerank.ListTemplate, "Asks for the order of several passages: once per window of passages that rerank.Listwise orders.",
			"the template given to rerank.NewListwise in place of rerank.ListTemplate"),
		task("rag", rag.AnswerTemplate, "Asks for an answer from numbered passages, with the numbers of those that support it: once per question, by rag.NewStandard, of a model that follows instructions.",
			"the template given to rag.WithPrompt in place of rag.AnswerTemplate"),
		task("selfrag", selfrag.StandaloneTemplate, "Asks for a question that can be understood without the conversation before it: once per question with a history.",
			"the template given to selfrag.NewPromptRewriter in place of selfrag.StandaloneTemplate"),
		task("retriever/summary", summary.Template, "Asks for a summary to be searched in place of a passage: once per passage, when it is indexed.",
			"the template given to summary.NewModel in place of summary.Template"),
		task("adapt", adapt.QuestionsTemplate, "Asks for questions that a passage answers, to train a retriever on: once per passage.",
			"field Template of adapt.GenerateOptions"),
		task("eval/judged", judged.SupportTemplate, "Asks whether passages support a statement, to measure long answers and what was retrieved for them: once per statement.", "field Support of judged.Options"),
		task("eval/judged", judged.CorrectTemplate, "Asks whether an answer says what a reference answer says, to measure long answers: once per answer.", "field Correct of judged.Options"),
		task("eval/judged", judged.UsefulTemplate, "Asks whether a reference answer could be written from a passage, to measure what was retrieved: once per passage.", "field Useful of judged.Options"),
		task("eval/system", system.ExamplesTemplate, "Asks a question after four examples, without a passage: the system few-shot of an evaluation.", "field Examples of system.Config"),
		task("eval/system", system.StepsTemplate, "Asks for an answer after the steps that lead to it, without a passage: the system step-by-step of an evaluation.", "field Steps of system.Config"),
	}
}
