package hnsw

import (
	"fmt"
	"math"

	"github.com/viterin/vek/vek32"
)

// Metric is a distance of two vectors. Smaller is nearer for all metrics.
type Metric uint8

const (
	// Cosine is 1 − cos(x, y), from 0 to 2. Vectors are stored normalized, so their
	// lengths are lost. Zero vectors are rejected.
	Cosine Metric = iota
	// InnerProduct is −x·y, any real number. It is not a metric: the nearest vector
	// to x need not be x itself.
	InnerProduct
	// SquaredL2 is the squared Euclidean distance ‖x − y‖², 0 or greater.
	SquaredL2
)

// String returns "cosine", "inner-product" or "squared-l2".
func (m Metric) String() string {
	switch m {
	case Cosine:
		return "cosine"
	case InnerProduct:
		return "inner-product"
	case SquaredL2:
		return "squared-l2"
	}
	return fmt.Sprintf("Metric(%d)", uint8(m))
}

func (m Metric) check() error {
	if m > SquaredL2 {
		return fmt.Errorf("%w: metric %d: want Cosine, InnerProduct or SquaredL2", ErrOption, uint8(m))
	}
	return nil
}

// maxSquare bounds the squared length of a vector: the squared distance of two such
// vectors, up to four times as much, is still a finite float32.
const maxSquare = math.MaxFloat32 / 8

// prepare checks a vector and writes it to row in the form that the kernels take:
// normalized for Cosine, and padded with zeros.
func (m Metric) prepare(row, vector []float32, dim int) error {
	if len(vector) != dim {
		return fmt.Errorf("%w: vector has %d components: the index has %d", ErrDimension, len(vector), dim)
	}
	// A NaN or an infinity anywhere makes the sum one. The length of a vector does
	// not matter for its cosine, only that its components are finite.
	square := float64(vek32.Dot(vector, vector))
	if !(square <= maxSquare) {
		if err := notFinite(vector); err != nil {
			return err
		}
		if m != Cosine {
			return fmt.Errorf("%w: its squared length is above %g", ErrNotFinite, float64(maxSquare))
		}
	}
	copy(row, vector)
	clear(row[dim:])
	if m != Cosine {
		return nil
	}
	row = row[:dim]
	if !(square > 1e-12 && square < 1e12) {
		// The sum has lost digits, or is 0 or infinite although the length is not.
		var err error
		if square, err = rescale(row); err != nil {
			return err
		}
	}
	vek32.MulNumber_Inplace(row, float32(1/math.Sqrt(square)))
	return nil
}

// notFinite names the first component that is not a finite number.
func notFinite(vector []float32) error {
	for i, v := range vector {
		if v != v || math.IsInf(float64(v), 0) {
			return fmt.Errorf("%w: component %d is %v", ErrNotFinite, i, v)
		}
	}
	return nil
}

// rescale divides a vector by its largest component and returns the resulting
// squared length, which is between 1 and its dimension.
func rescale(row []float32) (float64, error) {
	var largest float64
	for _, v := range row {
		largest = max(largest, math.Abs(float64(v)))
	}
	if largest == 0 {
		return 0, ErrZeroVector
	}
	var square float64
	for i, v := range row {
		scaled := float64(v) / largest
		row[i] = float32(scaled)
		square += scaled * scaled
	}
	return square, nil
}

// distances turns the results of a kernel into the distances of the metric, in place.
func (m Metric) distances(measured []float32) {
	if m == InnerProduct {
		return
	}
	for i, d := range measured {
		measured[i] = m.distance(d)
	}
}

// distance turns the result of a kernel into the distance of the metric.
func (m Metric) distance(measured float32) float32 {
	switch m {
	case Cosine:
		// Rounding may put equal directions slightly off.
		return min(max(1+measured, 0), 2)
	case SquaredL2:
		return max(measured, 0) // codes measure a difference of large numbers
	}
	return measured
}
