// Package toymodel writes a small language model with the tokens of Self-RAG, to test
// clients of model servers against a real server without downloaded weights. The file is a
// GGUF of 2.6 MB, a Llama model of three layers. It loads in any server that runs Llama
// models.
//
// The model is not trained: its weights are set by hand, so that its answer
// follows from the prompt, with probabilities of its own.
// Its vocabulary has some forty words of English (see the variables content and
// function). It reads other text letter by letter and ignores its content. A text or a
// title should therefore begin with a capital letter or a space.
//
// # Answers
//
//	after                                          it says
//	-----                                          -------
//	the prompt                                     [Retrieval] the likelier, the more content words the
//	                                               question has: 0.05, 0.73, 0.91 of the two for 0, 1, 2;
//	                                               else [No Retrieval]
//	[No Retrieval]                                 " I do not know." and a utility around 4
//	a passage                                      [Relevant] the likelier, the greater the share of its
//	                                               content words that are in the question, else [Irrelevant];
//	                                               they are even at a share of 0.4, the opening tag
//	                                               counted as one more content word
//	[Relevant]                                     the passage's text from the line after the title, or all
//	                                               of it if there is one line, in lower case except names
//	[Irrelevant]                                   " I do not know." and utility 1
//	a word of the passage                          what follows that word there; of several places the later
//	                                               is likelier, and after unknown text the model writes
//	                                               a period
//	the period of a quoted text                    [Fully supported]; [Partially supported] if the passage
//	                                               has the word "perhaps"; [No support / Contradictory] if
//	                                               it has the word "not"
//	a token of support                             a utility, the higher the better the support; before that,
//	                                               if the question has the word "list", [Retrieval] for two
//	                                               more segments
//	a utility                                      the end
//	anything else                                  the end
//
// # How it works
//
// The coordinates of the residual stream are named features (see stream), which hold the
// facts about each token. Three layers of attention with two heads each add to it:
//
//	layer 1   which known token is before this one; how many passages were opened
//	layer 2   whether this word is in the question; what the passage continues with
//	          after this word (an induction head)
//	layer 3   conclusions, each at the kind of token where it is needed
//
// A head's score is a sum of matches between a reading of the query's place and one of
// the key's place, in nats. Where nothing matches, a head attends to the start token, which
// adds nothing. The base of 1e32 confines rotary position embedding to a few coordinates;
// the others do not depend on the position. The feed-forward parts are zero. The last
// matrix is the grammar: the possible successors of each token, plus the effects of the
// conclusions.
//
// Package oracle computes the probabilities from the file.
package toymodel
