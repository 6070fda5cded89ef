package ledger

import (
	"context"
	"errors"
	"fmt"
)

// ErrExists means that a zap with the new name exists and has had rows.
var ErrExists = errors.New("a zap of that name already exists and has had rows")

// Rename gives everything stored for a zap another name: cursors, deliveries (OLD/7 becomes NEW/7),
// pause. It returns ErrUnknown if there is no zap with the old name, and ErrExists if one with the
// new name has had rows.
func (l *Ledger) Rename(ctx context.Context, oldName, newName string) error {
	if err := l.update(ctx, func(w writeTx) error { return rename(w, oldName, newName) }); err != nil {
		return fmt.Errorf("rename zap %s to %s: %w", oldName, newName, err)
	}
	return nil
}

func rename(w writeTx, oldName, newName string) error {
	src := bucketOf(w.Tx, oldName)
	z, known, err := readRecord(w.Tx, oldName)
	if err != nil {
		return err
	}
	if !known {
		return ErrUnknown
	}
	there, ok, err := readRecord(w.Tx, newName)
	if err != nil {
		return err
	}
	if ok {
		if oldName == newName || there.next > 1 {
			return ErrExists
		}
		if err := removeZap(w, newName); err != nil {
			return err
		}
	}
	dst, err := w.createZap(newName)
	if err != nil {
		return err
	}
	for _, kind := range append(zapBuckets(schema), bucketKeys) {
		if src.Bucket([]byte(kind)) == nil {
			continue
		}
		part, err := dst.CreateBucketIfNotExists([]byte(kind))
		if err != nil {
			return err
		}
		part.FillPercent = 1 // keys arrive in order
		err = src.Bucket([]byte(kind)).ForEach(func(k, v []byte) error { return w.put(part, newName, kind, k, v) })
		if err != nil {
			return err
		}
	}
	if err := putRecord(w, newName, &z); err != nil {
		return err
	}
	return removeZap(w, oldName)
}
