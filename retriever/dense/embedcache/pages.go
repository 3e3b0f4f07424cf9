package embedcache

import (
	"fmt"

	bolt "go.etcd.io/bbolt"
)

// checkPages returns an error if a page says that it goes on beyond the end of the file, which
// bbolt does not check before it frees as many pages.
func checkPages(tx *bolt.Tx) error {
	last := int(tx.Size()) / tx.DB().Info().PageSize
	for id := 0; id < last; id++ {
		page, err := tx.Page(id)
		switch {
		case err != nil:
			return err
		case page == nil, page.Type == "free":
		case page.OverflowCount < 0 || page.OverflowCount >= last-id:
			return fmt.Errorf("%w: page %d goes on for %d pages: there are %d", errDamaged, id, page.OverflowCount, last)
		default:
			id += page.OverflowCount
		}
	}
	return nil
}
