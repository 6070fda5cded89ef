package ledger

import (
	"context"
	"errors"
	"fmt"

	"go.etcd.io/bbolt"
)

// ErrExists is returned when a zap would take the place of another.
var ErrExists = errors.New("the ledger has a zap of that name already, which has had rows")

// Rename gives all that the ledger keeps of a zap to another name: cursors, deliveries (OLD/7 becomes NEW/7), pause. It
// returns ErrUnknown if there is no zap of the old name and ErrExists if there is one of the new name that has had rows.
func (l *Ledger) Rename(ctx context.Context, oldName, newName string) error {
	if err := l.update(ctx, func(tx *bbolt.Tx) error { return rename(tx, oldName, newName) }); err != nil {
		return fmt.Errorf("rename zap %s to %s: %w", oldName, newName, err)
	}
	return nil
}

func rename(tx *bbolt.Tx, oldName, newName string) error {
	zaps := tx.Bucket([]byte(bucketZaps))
	src := zaps.Bucket([]byte(oldName))
	z, known, err := readRecord(tx, oldName)
	if err != nil {
		return err
	}
	if !known {
		return ErrUnknown
	}
	there, ok, err := readRecord(tx, newName)
	if err != nil {
		return err
	}
	if ok {
		if oldName == newName || there.next > 1 {
			return ErrExists
		}
		if err := removeZap(tx, newName); err != nil {
			return err
		}
	}
	dst, err := zaps.CreateBucket([]byte(newName))
	if err != nil {
		return err
	}
	for _, name := range zapBuckets(schema) {
		part, err := dst.CreateBucket([]byte(name))
		if err != nil {
			return err
		}
		if err := copyBucket(part, src.Bucket([]byte(name))); err != nil {
			return err
		}
	}
	if err := putRecord(tx, newName, &z); err != nil {
		return err
	}
	return removeZap(tx, oldName)
}

func copyBucket(dst, src *bbolt.Bucket) error {
	dst.FillPercent = 1 // keys arrive in order
	return src.ForEach(dst.Put)
}
