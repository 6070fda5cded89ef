package detect

import "time"

// Result is what came of one read.
type Result struct {
	Cursor  Cursor   // what to remember; to be committed together with Found and Changes
	Found   []Found  // new rows in sheet order, their deliveries numbered from the old cursor's Next on
	Changes []Change // what happened to known deliveries
	// Doubt, if not "", says in an operator's words why the read is not believed. Cursor is then
	// the old one plus the memory of the doubt, and Found and Changes are empty.
	Doubt string
	// Recheck, if > 0, asks to look again after this long: a row waits for settle, or a second read
	// decides on a doubt.
	Recheck time.Duration
	// Left is how many new rows were left for the next reads (Options.AtOnce), which have to be whole.
	Left int
	// Unchanged tells that Cursor is as it was and that there is nothing to commit.
	Unchanged bool
}

// Renumber gives the new rows the deliveries from next on: the numbers that they have are those that
// its cursor would give, and others of the zap may have got them since.
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

// LikeFound tells which of the new rows it is, counted from 1, that has the key of a new row; 0: it is
// none of them.
func (r *Result) LikeFound(f Found) int {
	nth := f.LikeDelivery - r.Found[0].Delivery // huge for an older one
	if f.LikeDelivery == 0 || nth >= uint64(len(r.Found)) {
		return 0
	}
	return int(nth) + 1
}

// Found is a new row.
type Found struct {
	Delivery uint64
	Row      int // 1-based sheet row
	State    State
	Reason   string // why it is not Ready, in an operator's words; "" if it is
	Like     int    // sheet row, as it was last seen, of the known row that it may be, or that has its key; 0: none
	// LikeDelivery is the delivery of that row; 0: it was there at the start, and has none.
	LikeDelivery uint64

	at int // its index in the cursor's rows, plus one; 0: it has its sheet row's number there
}

// State is what becomes of a new row.
type State uint8

// The states of new rows.
const (
	Ready   State = iota + 1 // fires now
	Waiting                  // fires once it is ready
	Held                     // an operator decides
	Skipped                  // taken as an edited old row (UnsureSkip)
)

// String returns the state as operators read it.
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

// Change is something that happened to a known delivery's row. There is at most one for a delivery
// in a Result.
type Change struct {
	Delivery uint64
	Kind     ChangeKind
	Row      int // 1-based sheet row; of a Deleted one the last it had
	// Reason says why a waiting row still waits, or why BecameHeld, in an operator's words; else
	// "".
	Reason string
}

// ChangeKind is what happened to a row.
type ChangeKind uint8

// The kinds of changes.
const (
	BecameReady ChangeKind = iota + 1 // waited, fires now with these cells
	BecameHeld                        // waited, is complete now, but too many are at once (Options.MaxNewRows)
	Edited                            // its cells changed; its number may have, too
	Deleted                           // is not in the worksheet any more
	Back                              // was deleted within the last day, and stands there again unchanged
	Moved                             // only its sheet row number changed
)

// String returns the kind as operators read it.
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
