package pdf

import "slices"

// maxPieces is how many pieces of a page are put in order; no page that is read has more.
const maxPieces = 20_000

// arrange puts the pieces of a page into reading order: upright ones first, then those of
// each direction.
func arrange(pieces []piece) []piece {
	var by [4][]piece
	for _, p := range pieces {
		by[p.turns] = append(by[p.turns], p)
	}
	order := []int{0, 1, 2, 3}
	slices.SortStableFunc(order, func(a, b int) int { return len(by[b]) - len(by[a]) })
	out := make([]piece, 0, len(pieces))
	for _, k := range order {
		if len(by[k]) > maxPieces || inOrder(by[k]) {
			out = append(out, by[k]...)
		} else {
			out = append(out, columns(by[k], 0)...)
		}
	}
	return out
}

// inOrder reports whether pieces are drawn in the order in which they are read: no piece
// is above an earlier one that it overlaps horizontally, and columns of prose are not drawn
// row by row. Most programs draw this way, and pieces drawn together belong together.
func inOrder(pieces []piece) bool {
	const window = 40
	for i, p := range pieces {
		for _, before := range pieces[max(0, i-window):i] {
			overlap := min(p.at.right, before.at.right) - max(p.at.left, before.at.left)
			if p.at.bottom > before.at.top-0.2*before.at.height() && overlap > 0.2*min(p.at.right-p.at.left, before.at.right-before.at.left) {
				return false
			}
		}
	}
	return !rowByRow(pieces)
}

// rowByRow reports whether two columns of prose are drawn row by row.
func rowByRow(pieces []piece) bool {
	const rows, words = 5, 3
	run, left, right := 0, 0, 0
	edge := float32(0)
	for i := 1; i < len(pieces); i++ {
		a, b := pieces[i-1], pieces[i]
		if !sameRow(a, b) || b.at.left < a.at.right {
			continue
		}
		if run > 0 && (b.at.left < edge-2 || b.at.left > edge+2) {
			run, left, right = 0, 0, 0
		}
		edge = b.at.left
		run++
		left += wordsIn(a.text)
		right += wordsIn(b.text)
		if run >= rows && left >= words*run && right >= words*run {
			return true
		}
	}
	return false
}

// wordsIn counts words, and two characters of a script without spaces as one.
func wordsIn(s string) int {
	n, unspaced, in := 0, 0, false
	for _, r := range s {
		switch {
		case isUnspaced(r):
			unspaced++
			in = false
		case r == ' ':
			in = false
		case !in:
			n++
			in = true
		}
	}
	return n + unspaced/2
}

// columns orders pieces by place: between lines that go across a gutter, what is left of it
// comes before what is right of it.
func columns(pieces []piece, depth int) []piece {
	const deepest = 6
	sorted := byPlace(pieces)
	at, ok := gutter(sorted)
	if !ok || depth >= deepest {
		return sorted
	}
	out := make([]piece, 0, len(sorted))
	var left, right []piece
	end := func() {
		if len(left)+len(right) < len(sorted) { // else it would not end
			out = append(out, columns(left, depth+1)...)
			out = append(out, columns(right, depth+1)...)
		} else {
			out = append(append(out, columns(left, deepest)...), columns(right, deepest)...)
		}
		left, right = nil, nil
	}
	for _, p := range sorted {
		switch {
		case p.at.right <= at:
			left = append(left, p)
		case p.at.left >= at:
			right = append(right, p)
		default:
			end()
			out = append(out, p)
		}
	}
	end()
	return out
}

// gutter returns where a vertical strip without text, or with few lines across it, has
// prose on both sides.
func gutter(pieces []piece) (at float32, ok bool) {
	const least = 3 // pieces on each side
	if len(pieces) < 2*least {
		return 0, false
	}
	all := pieces[0].at
	var sizes float32
	for _, p := range pieces {
		all = all.union(p.at)
		sizes += p.size
	}
	width := int(all.right-all.left) + 1
	if width > 20_000 {
		return 0, false
	}
	across := make([]int, width+1) // how many pieces go across each point
	ends := make([]int, width+1)   // how many end before it
	begins := make([]int, width+1) // how many begin before it
	for _, p := range pieces {
		from, to := int(p.at.left-all.left), int(p.at.right-all.left)
		across[from]++
		across[min(to+1, width)]--
		ends[min(to+1, width)]++
		begins[min(from+1, width)]++
	}
	for i := 1; i <= width; i++ {
		across[i] += across[i-1]
		ends[i] += ends[i-1]
		begins[i] += begins[i-1]
	}
	narrow := int(0.6 * sizes / float32(len(pieces)))
	best := 0
	for i := 0; i <= width; {
		j := i
		for j <= width && across[j] == across[i] {
			j++
		}
		before, behind := ends[i], len(pieces)-begins[i]
		few := across[i] * 4
		if j-i > narrow && before >= least && behind >= least && few <= min(before, behind) {
			// The more even the sides, the better.
			if even := min(before, behind) - across[i]; even > best && prose(pieces, all.left+float32(i+j)/2) {
				best, at, ok = even, all.left+float32(i+j)/2, true
			}
		}
		i = j
	}
	return at, ok
}

// prose reports whether the pieces on both sides of x are lines of prose, not the cells of
// a table.
func prose(pieces []piece, x float32) bool {
	var words, n [2]int
	for _, p := range pieces {
		side := 0
		switch {
		case p.at.left >= x:
			side = 1
		case p.at.right > x:
			continue
		}
		words[side] += wordsIn(p.text)
		n[side]++
	}
	return words[0] >= 3*n[0] && words[1] >= 3*n[1]
}
