package ledger

import "bytes"

// validateShadow makes deliveries validated that releases of schema 4 called sent although they
// were only validated in shadow mode, and corrects the counts, but those of hours (recount). Pruned
// deliveries stay counted as sent, because their mode is unknown. Damaged values are skipped; Check
// reports them.
func validateShadow(w writeTx) error {
	codec, err := newCodec()
	if err != nil {
		return err
	}
	defer codec.close()
	names, err := zapNames(w.Tx)
	if err != nil {
		return err
	}
	for _, name := range names {
		record, _, err := readRecord(w.Tx, name)
		if err != nil {
			return err
		}
		e := &edit{codec: codec, tx: w, name: name, bucket: bucketOf(w.Tx, name), record: record}
		if err := e.validateShadow(); err != nil {
			return err
		}
	}
	return nil
}

func (e *edit) validateShadow() error {
	heads := heads{codec: e.codec, zap: e.name, bucket: e.bucket}
	var keys [][]byte // of chunks with sent rows: a bucket must not change under a cursor
	err := e.sub(bucketState).ForEach(func(k, v []byte) error {
		if s, err := readSummary(k, v); err == nil && s.counts[Sent] > 0 {
			keys = append(keys, bytes.Clone(k))
		}
		return nil
	})
	if err != nil {
		return err
	}
	for _, k := range keys {
		first, err := numberOf(k)
		if err != nil {
			continue
		}
		ch, err := readChunk(e.codec, e.bucket, e.name, first)
		if err != nil {
			continue
		}
		for i := range ch.entries {
			en := &ch.entries[i]
			if en.state != Sent {
				continue
			}
			if _, shadow, err := heads.of(ch.base+uint64(i), en); err == nil && shadow {
				en.state, ch.dirty = Validated, true
				e.record.counts.Sent--
				e.record.counts.Validated++
			}
		}
		if ch.dirty {
			e.chunks = map[uint64]*chunk{first: ch} // one at a time: there may be gigabytes
			if err := e.save(); err != nil {
				return err
			}
		}
	}
	return nil
}
