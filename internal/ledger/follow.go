package ledger

import "time"

// follow gives the rows of accepted deliveries their next deliveries. These have the cells that
// were sent, and the detection time of their predecessors.
func (e *edit) follow(out []Outcome, at time.Time) error {
	rows := rows{codec: e.codec, zap: e.name, bucket: e.bucket}
	var (
		cut     = cutting{codec: e.codec}
		entries []entry
	)
	for _, o := range out {
		if !o.State.Accepted() || o.Then == "" {
			continue
		}
		en, err := e.entry(o.Number)
		if err != nil {
			return err
		}
		if en.next != 0 {
			continue
		}
		d, err := rows.delivery(o.Number, en)
		if err != nil {
			return err
		}
		e.record.uncount(en.state, millis(at)) // the row is not finished yet
		en.next = e.record.next + uint64(len(entries))
		if err := cut.add(en.next, segment{header: d.Header, zone: d.Zone, action: o.Then, shadow: d.Shadow}, d.Row); err != nil {
			return err
		}
		first := en.first
		if first == 0 {
			first = o.Number
		}
		entries = append(entries, entry{state: Queued, first: first, detected: en.detected, updated: millis(at)})
	}
	segments, err := cut.all()
	if err != nil {
		return err
	}
	return e.addAll(segments, len(entries), func(i int) (entry, error) { return entries[i], nil })
}
