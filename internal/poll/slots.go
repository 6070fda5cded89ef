package poll

import "context"

// pollsAtOnce bounds the concurrent polls of an account, and so the worksheets in memory.
const pollsAtOnce = 4

// readSlots bounds the concurrent polls of a Google account, so that a slow account delays only its
// own zaps. Reading a worksheet page by page may take minutes of the account's quota; polls of one
// request continue in the meantime.
type readSlots struct {
	quickSlots chan struct{} // a token per visit
	fullSlots  chan struct{} // a token per worksheet read page by page
	gcTuner    *gcTuner
}

// slotsKey identifies read slots. Polls that operators request have their own, because they read
// worksheets in full: scheduled polls do not wait for them, at the price of one more worksheet in
// memory.
type slotsKey struct {
	account string
	asked   bool
}

// slotsOf returns the slots of an account.
func (pr *Poller) slotsOf(account string, asked bool) *readSlots {
	pr.mu.Lock()
	defer pr.mu.Unlock()
	of := slotsKey{account, asked}
	if pr.slots[of] == nil {
		pr.slots[of] = &readSlots{quickSlots: make(chan struct{}, pollsAtOnce), fullSlots: make(chan struct{}, 1), gcTuner: &pr.gcTuner}
	}
	return pr.slots[of]
}

// quick calls do in a slot. If ctx ends first, it calls do without one, so that do can return the
// error.
func (l *readSlots) quick(ctx context.Context, do func()) { withSlot(ctx, l.quickSlots, do) }

// full calls do, which reads a worksheet in full, one at a time. It is called within quick, and
// returns that slot in the meantime.
func (l *readSlots) full(ctx context.Context, do func()) {
	if ctx.Err() != nil { // quick may have had no slot
		do()
		return
	}
	<-l.quickSlots
	defer func() { l.quickSlots <- struct{}{} }() // quick returns it, also after a panic
	withSlot(ctx, l.fullSlots, func() {
		l.gcTuner.begin()
		defer l.gcTuner.end()
		do()
	})
}

// withSlot calls do in a slot, or without one if ctx ends first.
func withSlot(ctx context.Context, room chan struct{}, do func()) {
	select {
	case room <- struct{}{}:
		defer func() { <-room }()
	case <-ctx.Done():
	}
	do()
}
