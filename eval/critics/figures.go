package critics

import (
	"slices"

	"github.com/goselfrag/goselfrag/eval/metric"
	"github.com/goselfrag/goselfrag/reflection"
)

// Bins is the number of bins of calibration errors and reliability diagrams.
const Bins = 10

// Figures are those of the judged pairs of a group. Shares are in [0, 1], and intervals
// are at 95 %, from 10000 draws of whole clusters.
type Figures struct {
	Accuracy         metric.Interval `json:"accuracy"`
	BalancedAccuracy metric.Interval `json:"balanced_accuracy"`
	MacroF1          metric.Interval `json:"macro_f1"`
	// Classes holds all tokens of the group in vocabulary order. Retrieve has no Continue
	// to Use Evidence here, which cannot be decided before there is evidence.
	Classes []Class `json:"classes"`
	// Confusion counts the pairs by expected token, the row, and predicted token, the
	// column, in the order of Classes.
	Confusion [][]int `json:"confusion"`
	// WithProbabilities is the number of pairs with exact probabilities. The next four
	// fields are about these. Labels without probabilities do not count.
	WithProbabilities int `json:"with_probabilities"`
	// CalibrationError is that of the probabilities of the predicted tokens within the
	// group, over ten bins ([Bins]), and Reliability holds these bins. LogLoss is that of the
	// probabilities of the expected tokens. They are nil without probabilities.
	CalibrationError *float64     `json:"calibration_error"`
	Reliability      []metric.Bin `json:"reliability"`
	LogLoss          *float64     `json:"log_loss"`
	// AUC is the probability that a pair which expects the best token of the group scores
	// higher than one that expects the worst. The likeliest token does not matter. The score
	// is that of package scoring up to scale: the probability of Retrieval or Relevant;
	// that of Fully supported plus half that of Partially supported; the mean utility.
	// Other pairs and those without probabilities do not count. AUC is nil if either kind
	// is missing.
	AUC *float64 `json:"auc"`
	// Majority always predicts the commonest expected token, the first of equals.
	Majority Rule `json:"majority"`
	// Length puts a threshold on a number of words: of the passage for IsREL, of the text
	// for IsSUP and IsUSE, of the question for Retrieve. Overlap puts one on the share of
	// the different words of one text that are in another: of the question in the passage
	// for IsREL, of the text in the passage for IsSUP, of the question in the text for
	// IsUSE. It is nil for Retrieve. The threshold and the tokens on its sides are chosen
	// for each tenth of the clusters on the other nine. So no pair is judged by a threshold
	// that was chosen on itself. Both are nil if there is one cluster.
	Length  *Rule `json:"length"`
	Overlap *Rule `json:"overlap"`
}

// Class is a token, and how well it is predicted.
type Class struct {
	Token     reflection.Token `json:"token"`
	Expected  int              `json:"expected"`  // number of pairs
	Predicted int              `json:"predicted"` // number of pairs
	Precision float64          `json:"precision"` // 0 if it was never predicted
	Recall    float64          `json:"recall"`    // 0 if it was never expected
}

// Rule has the figures of a rule without a model on the pairs that the critic judged.
// Accuracy is at the best threshold for accuracy. The other two figures are at the best
// threshold for balanced accuracy.
type Rule struct {
	Accuracy         float64 `json:"accuracy"`
	BalancedAccuracy float64 `json:"balanced_accuracy"`
	MacroF1          float64 `json:"macro_f1"`
	// AUC is that of the number between the pairs that expect the best and the worst
	// token, as in Figures, in the direction in which it is above 0.5; nil for Majority, or if
	// either kind is missing. Unlike that of Figures it is over all judged pairs.
	AUC *float64 `json:"auc"`
	// MinusCritic is the accuracy of the rule minus that of the critic, simultaneous over
	// the rules of the group: the critic is better where it is below 0.
	MinusCritic metric.Comparison `json:"minus_critic"`
}

// judged holds the pairs of a group for which there is a label.
type judged struct {
	group            reflection.Group
	labels           []reflection.Token
	pairs            []Pair
	answers          []answer
	truth, predicted []int // indices into labels
	clusters         []string
	cluster          []int // their numbers, in the order in which they come
	clusterCount     int
}

// confusion counts the judged pairs with other predictions.
func (x *judged) confusion(predicted []int) (*metric.Confusion[int], error) {
	classes := make([]int, len(x.labels))
	for i := range classes {
		classes[i] = i
	}
	return metric.NewConfusion(classes, x.truth, predicted)
}

func (x *judged) figures(seed uint64) (f Figures, err error) {
	boot := metric.Bootstrap{Seed: seed, Groups: x.clusters}
	right := x.right(x.predicted)
	if f.Accuracy, err = boot.Mean(right); err != nil {
		return f, err
	}
	if f.BalancedAccuracy, err = boot.Figure(len(right), x.drawn((*metric.Confusion[int]).BalancedAccuracy)); err != nil {
		return f, err
	}
	if f.MacroF1, err = boot.Figure(len(right), x.drawn((*metric.Confusion[int]).MacroF1)); err != nil {
		return f, err
	}
	c, err := x.confusion(x.predicted)
	if err != nil {
		return f, err
	}
	for i, t := range x.labels {
		row := make([]int, len(x.labels))
		class := Class{Token: t, Precision: c.Precision(i), Recall: c.Recall(i)}
		for j := range x.labels {
			row[j] = c.Count(i, j)
			class.Expected += row[j]
			class.Predicted += c.Count(j, i)
		}
		f.Classes, f.Confusion = append(f.Classes, class), append(f.Confusion, row)
	}
	if err := x.probabilities(&f); err != nil {
		return f, err
	}
	return f, x.rules(&f, boot, right)
}

// right returns 1 for each pair whose token is predicted, else 0.
func (x *judged) right(predicted []int) []float64 {
	list := make([]float64, len(predicted))
	for i, p := range predicted {
		if p == x.truth[i] {
			list[i] = 1
		}
	}
	return list
}

// drawn returns a figure of drawn pairs.
func (x *judged) drawn(figure func(*metric.Confusion[int]) float64) func([]int) float64 {
	classes := make([]int, len(x.labels))
	for i := range classes {
		classes[i] = i
	}
	var truth, predicted []int
	return func(examples []int) float64 {
		truth, predicted = truth[:0], predicted[:0]
		for _, i := range examples {
			truth, predicted = append(truth, x.truth[i]), append(predicted, x.predicted[i])
		}
		c, err := metric.NewConfusion(classes, truth, predicted)
		if err != nil {
			panic(err) // there is a pair, and its tokens are labels
		}
		return figure(c)
	}
}

// probabilities fills in the figures of the pairs with probabilities.
func (x *judged) probabilities(f *Figures) error {
	var ofPredicted, ofTruth, scores []float64
	var truth []int
	var happened []bool
	for i, a := range x.answers {
		if a.probs == nil {
			continue
		}
		ofPredicted = append(ofPredicted, a.probs[x.predicted[i]])
		ofTruth = append(ofTruth, a.probs[x.truth[i]])
		score := 0.0 // from the first label to the last, whichever of them is the best
		for label, p := range a.probs {
			score += float64(p * float64(label))
		}
		scores, truth = append(scores, score), append(truth, x.truth[i])
		happened = append(happened, x.predicted[i] == x.truth[i])
	}
	if f.WithProbabilities = len(ofTruth); len(ofTruth) == 0 {
		return nil
	}
	calibration, err := metric.CalibrationError(ofPredicted, happened, Bins)
	if err != nil {
		return err
	}
	loss, err := metric.LogLoss(ofTruth)
	if err != nil {
		return err
	}
	f.CalibrationError, f.LogLoss = &calibration, &loss
	if f.AUC, err = x.auc(scores, truth); err != nil {
		return err
	}
	f.Reliability, err = metric.Reliability(ofPredicted, happened, Bins)
	return err
}

// auc returns the area between the pairs that expect the first and the last label, nil if
// one of them is missing. Reversing the order of labels does not change it.
func (x *judged) auc(scores []float64, truth []int) (*float64, error) {
	var of []float64
	var last []bool
	for i, label := range truth {
		if label == 0 || label == len(x.labels)-1 {
			of, last = append(of, scores[i]), append(last, label > 0)
		}
	}
	if !slices.Contains(last, true) || !slices.Contains(last, false) {
		return nil, nil
	}
	area, err := metric.AUC(of, last)
	return &area, err
}

// rules fills in the rules and compares the critic with them.
func (x *judged) rules(f *Figures, boot metric.Bootstrap, right []float64) error {
	var list []*Rule
	var figures [][]float64
	add := func(r *Rule, forAccuracy, balanced []int) error {
		one, err := x.confusion(forAccuracy)
		if err != nil {
			return err
		}
		other, err := x.confusion(balanced)
		if err != nil {
			return err
		}
		*r = Rule{Accuracy: one.Accuracy(), BalancedAccuracy: other.BalancedAccuracy(), MacroF1: other.MacroF1()}
		list, figures = append(list, r), append(figures, x.right(forAccuracy))
		return nil
	}
	counts := make([]int, len(x.labels))
	for _, t := range x.truth {
		counts[t]++
	}
	common := slices.Repeat([]int{slices.Index(counts, slices.Max(counts))}, len(x.truth))
	if err := add(&f.Majority, common, common); err != nil {
		return err
	}
	byValue := func(value func(Pair) float64) (*Rule, error) {
		if x.clusterCount < 2 {
			return nil, nil
		}
		examples := make([]example, len(x.pairs))
		values := make([]float64, len(x.pairs))
		for i, p := range x.pairs {
			values[i] = value(p)
			examples[i] = example{values[i], x.truth[i], x.cluster[i]}
		}
		r := new(Rule)
		if err := add(r, threshold(examples, len(x.labels), x.clusterCount, false), threshold(examples, len(x.labels), x.clusterCount, true)); err != nil {
			return nil, err
		}
		area, err := x.auc(values, x.truth)
		if area != nil {
			*area = max(*area, 1-*area)
		}
		r.AUC = area
		return r, err
	}
	var err error
	if f.Length, err = byValue(func(p Pair) float64 { return lengthOf(x.group, p) }); err != nil {
		return err
	}
	if _, ok := overlapOf(x.group, x.pairs[0]); ok {
		if f.Overlap, err = byValue(func(p Pair) float64 { v, _ := overlapOf(x.group, p); return v }); err != nil {
			return err
		}
	}
	beside, err := boot.Compare(right, figures...)
	if err != nil {
		return err
	}
	for i, r := range list {
		r.MinusCritic = beside.Systems[i]
	}
	return nil
}
