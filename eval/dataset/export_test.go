package dataset

// LimitRecords sets how many bytes a record has at most, and returns a function that undoes it.
func LimitRecords(n int) func() {
	before := maxRecord
	maxRecord = n
	return func() { maxRecord = before }
}
