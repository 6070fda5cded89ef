package ledger

import "go.etcd.io/bbolt"

// writeTx is a write transaction. Zaps and their values, and the schema, are changed by its methods alone; what bbolt keeps of a
// file for itself, the root and a backup's date are not among them.
type writeTx struct {
	*bbolt.Tx
}

// put stores a value of bucket b: of a zap's kind, or of the file where zap is "".
func (w writeTx) put(b *bbolt.Bucket, zap, kind string, key, value []byte) error {
	return b.Put(key, value)
}

// remove deletes a value of bucket b that is there.
func (w writeTx) remove(b *bbolt.Bucket, zap, kind string, key []byte) error {
	return b.Delete(key)
}

// createZap makes a zap's bucket, with a bucket for each kind of its values. It has no record yet.
func (w writeTx) createZap(zap string) (*bbolt.Bucket, error) {
	b, err := w.Bucket([]byte(bucketZaps)).CreateBucket([]byte(zap))
	if err != nil {
		return nil, err
	}
	for _, name := range zapBuckets(schema) {
		if _, err := b.CreateBucket([]byte(name)); err != nil {
			return nil, err
		}
	}
	return b, nil
}

// removeZap deletes a zap and all that is kept of it.
func (w writeTx) removeZap(zap string) error {
	return w.Bucket([]byte(bucketZaps)).DeleteBucket([]byte(zap))
}

// removeKind deletes one of the buckets of a zap.
func (w writeTx) removeKind(zap, kind string) error {
	return bucketOf(w.Tx, zap).DeleteBucket([]byte(kind))
}
