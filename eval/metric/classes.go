package metric

// Confusion counts how often each class was taken for each. Make one with
// [NewConfusion]; that of no example has 0 for every figure.
type Confusion[C comparable] struct {
	index  map[C]int
	counts [][]int // by true and predicted class
}

// NewConfusion counts the pairs of a true class and a predicted one, both among
// classes. The error, an *[InputError], says that there are none, that the lengths
// differ, that a class is listed twice, or that one is not listed.
func NewConfusion[C comparable](classes, truth, predicted []C) (*Confusion[C], error) {
	if err := checkLengths("NewConfusion", "truth", len(truth), "predicted", len(predicted)); err != nil {
		return nil, err
	}
	c := &Confusion[C]{index: make(map[C]int, len(classes)), counts: make([][]int, len(classes))}
	for i, class := range classes {
		if _, twice := c.index[class]; twice {
			return nil, inputError("NewConfusion", "class %v is listed twice", class)
		}
		c.index[class] = i
		c.counts[i] = make([]int, len(classes))
	}
	for i := range truth {
		t, ok := c.index[truth[i]]
		if !ok {
			return nil, inputError("NewConfusion", "truth[%d] is %v: want one of %v", i, truth[i], classes)
		}
		p, ok := c.index[predicted[i]]
		if !ok {
			return nil, inputError("NewConfusion", "predicted[%d] is %v: want one of %v", i, predicted[i], classes)
		}
		c.counts[t][p]++
	}
	return c, nil
}

// Count returns how many examples of class truth were predicted to be of class
// predicted: 0 if there is no such class.
func (c *Confusion[C]) Count(truth, predicted C) int {
	t, known := c.index[truth]
	p, also := c.index[predicted]
	if !known || !also {
		return 0
	}
	return c.counts[t][p]
}

// of returns how many examples are of class i and predicted so, are of it, and are
// predicted to be of it.
func (c *Confusion[C]) of(i int) (both, truth, predicted int) {
	for j := range c.counts {
		truth += c.counts[i][j]
		predicted += c.counts[j][i]
	}
	return c.counts[i][i], truth, predicted
}

// Accuracy returns the share of right predictions, in [0, 1].
func (c *Confusion[C]) Accuracy() float64 {
	right, all := 0, 0
	for i := range c.counts {
		both, truth, _ := c.of(i)
		right += both
		all += truth
	}
	return share(right, all)
}

// Majority returns the share of the commonest true class, in [0, 1]: the accuracy of
// always predicting that, to be printed beside Accuracy.
func (c *Confusion[C]) Majority() float64 {
	most, all := 0, 0
	for i := range c.counts {
		_, truth, _ := c.of(i)
		most = max(most, truth)
		all += truth
	}
	return share(most, all)
}

// Kappa returns Cohen's κ of two raters, the truth and the predictions: (a − c) / (1 − c) with
// a the accuracy and c the sum over the classes of the product of their shares. It is 1 if
// they agree everywhere, 0 if no more often than by chance, and at least −1. Without
// examples, or if both always give one and the same class, κ is not defined and the error
// is an *[InputError].
func (c *Confusion[C]) Kappa() (float64, error) {
	right, all, chance := 0, 0, 0
	for i := range c.counts {
		both, truth, predicted := c.of(i)
		right += both
		all += truth
		chance += truth * predicted
	}
	if chance == all*all {
		return 0, inputError("Kappa", "both raters give the same class to each of %d examples: want at least two classes", all)
	}
	return float64(right*all-chance) / float64(all*all-chance), nil
}

// BalancedAccuracy returns the mean of the classes' recalls, in [0, 1], over the
// classes that have examples. Always predicting one of n such classes
// scores 1/n.
func (c *Confusion[C]) BalancedAccuracy() float64 {
	sum, n := 0.0, 0
	for i := range c.counts {
		if both, truth, _ := c.of(i); truth > 0 {
			sum += share(both, truth)
			n++
		}
	}
	return sum / float64(max(n, 1))
}

// Precision returns the share of the examples predicted to be of a class that are of it, in
// [0, 1]: 0 if there is none, or no such class.
func (c *Confusion[C]) Precision(class C) float64 {
	i, known := c.index[class]
	if !known {
		return 0
	}
	both, _, predicted := c.of(i)
	return share(both, predicted)
}

// Recall returns the share of the examples of a class that are predicted to be of it, in
// [0, 1]: 0 if there is none, or no such class.
func (c *Confusion[C]) Recall(class C) float64 {
	i, known := c.index[class]
	if !known {
		return 0
	}
	both, truth, _ := c.of(i)
	return share(both, truth)
}

// MacroF1 returns the mean of the classes' F1, in [0, 1], over the classes that
// have examples or predictions. The F1 of a class is twice the right
// predictions divided by examples plus predictions.
func (c *Confusion[C]) MacroF1() float64 {
	sum, n := 0.0, 0
	for i := range c.counts {
		if both, truth, predicted := c.of(i); truth+predicted > 0 {
			sum += share(2*both, truth+predicted)
			n++
		}
	}
	return sum / float64(max(n, 1))
}

// share is 0 of nothing.
func share(part, all int) float64 { return float64(part) / float64(max(all, 1)) }
