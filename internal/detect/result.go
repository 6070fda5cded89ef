package detect

import "time"

// Result is the outcome of comparing one read.
type Result struct {
	Cursor  Cursor   // the next state; to be committed together with Found and Changes
	Found   []Found  // new rows in sheet order; their deliveries start at the old cursor's Next
	Changes []Change // changes of rows that have a delivery
	// Doubt is the reason for operators why the read is doubted, or "". Cursor is then the old one
	// plus a record of the doubt, and Found and Changes are empty.
	Doubt string
	// Recheck, if > 0, asks for another read after this duration: a row is settling, or a second
	// read must confirm a doubt.
	Recheck time.Duration
	// Left is the number of new rows left for the next full reads (Options.AtOnce).
	Left int
	// Keys has the keys that known rows have gained, by their deliveries (0: there at the start). Of
	// the first read of a worksheet these are those of all rows that were there.
	Keys []Key
	// PassedOver counts the rows that a backfill did not return (Options.Backfill).
	PassedOver PassedOver
	// Unchanged means that Cursor is the old one and there is nothing to commit.
	Unchanged bool
}

// Renumber gives the new rows the deliveries from next on. Their numbers came from the cursor;
// other deliveries of the zap may have taken these in the meantime.
func (r *Result) Renumber(next uint64) {
	if len(r.Found) == 0 {
		return
	}
	was := r.Found[0].Delivery
	for k := range r.Found {
		if f := &r.Found[k]; r.LikeFound(*f) > 0 {
			f.LikeDelivery += next - was
		}
	}
	for k := range r.Found {
		r.Found[k].Delivery = next
		i, ok := r.Found[k].at-1, r.Found[k].at > 0
		if !ok {
			i, ok = r.Cursor.index(r.Found[k].Row)
		}
		if ok {
			r.Cursor.Rows[i].Delivery = next
		}
		next++
	}
	r.Cursor.Next = next
}

// LikeFound returns which of the new rows, counted from 1, has the same key as the new row f; 0 if
// none does.
func (r *Result) LikeFound(f Found) int {
	nth := f.LikeDelivery - r.Found[0].Delivery // huge for an older delivery
	if f.LikeDelivery == 0 || nth >= uint64(len(r.Found)) {
		return 0
	}
	return int(nth) + 1
}

// Found is a new row, or an old one found by a backfill.
type Found struct {
	Delivery uint64
	Row      int // 1-based sheet row
	State    State
	Reason   string // why the row is not Ready, for operators; "" if it is
	// Like is the sheet row, at the last read, of the known row that this may be or that has the
	// same key; 0: none.
	Like int
	// LikeDelivery is the delivery of that row; 0: it was there at the start and has none.
	LikeDelivery uint64

	Old bool // the row was there at the start and is part of a backfill (Options.Backfill)

	Key    uint64 // hash of its key; 0: none
	Repeat bool   // held because another row has its key

	at int // index in the cursor's rows plus one; 0: find it by Row
}

// State is what happens to a new row.
type State uint8

// The states of new rows.
const (
	Ready   State = iota + 1 // fires now
	Waiting                  // fires once it is ready
	Held                     // an operator decides
	Skipped                  // treated as an edited old row (UnsureSkip)
)

// String returns the state's name as shown to operators.
func (s State) String() string {
	switch s {
	case Ready:
		return "ready"
	case Waiting:
		return "waiting"
	case Held:
		return "held"
	case Skipped:
		return "skipped"
	}
	return "unknown"
}

// Change is a change of the row of a known delivery. A Result has at most one for each delivery.
type Change struct {
	Delivery uint64
	Kind     ChangeKind
	Row      int // 1-based sheet row; for Deleted, the last one
	// Reason says, for operators, why a waiting row still waits or why BecameHeld; otherwise "".
	Reason string
}

// ChangeKind is a kind of Change.
type ChangeKind uint8

// The kinds of changes.
const (
	BecameReady ChangeKind = iota + 1 // was waiting, fires now with these cells
	BecameHeld                        // was waiting and is complete, but exceeds Options.MaxNewRows
	Edited                            // its cells changed, and possibly its row number
	Deleted                           // no longer in the worksheet
	Back                              // was deleted within the last day and is back, unchanged
	Moved                             // only its row number changed
)

// String returns the kind's name as shown to operators.
func (k ChangeKind) String() string {
	switch k {
	case BecameReady:
		return "became ready"
	case BecameHeld:
		return "became held"
	case Edited:
		return "edited"
	case Deleted:
		return "deleted"
	case Back:
		return "back"
	case Moved:
		return "moved"
	}
	return "unknown"
}
