package poll

import "context"

// pollsAtOnce bounds the polls of an account that are under way, and so the worksheets held in
// memory.
const pollsAtOnce = 4

// readSlots bounds the polls of a Google account that run at once, so that a slow account delays
// only its own zaps. A worksheet that is read page by page may take minutes of the account's quota;
// meanwhile polls that take one request go on.
type readSlots struct {
	quickSlots chan struct{} // a token a visit
	fullSlots  chan struct{} // a token a worksheet that is read page by page
	gcTuner    *gcTuner
}

// slotsKey names read slots. Polls that operators ask for have their own, because they read
// worksheets whole: scheduled polls do not wait for them, at the price of one more worksheet in
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

// quick calls do once there is room, or at once when ctx has ended, so that do can return its
// error.
func (l *readSlots) quick(ctx context.Context, do func()) { withSlot(ctx, l.quickSlots, do) }

// whole is called within quick. It gives the room back while it waits and while do runs, which
// reads a worksheet: one at a time.
func (l *readSlots) full(ctx context.Context, do func()) {
	if ctx.Err() != nil { // quick may have had no room then
		do()
		return
	}
	<-l.quickSlots
	defer func() { l.quickSlots <- struct{}{} }() // quick gives it back, also after a panic
	withSlot(ctx, l.fullSlots, func() {
		l.gcTuner.begin()
		defer l.gcTuner.end()
		do()
	})
}

func withSlot(ctx context.Context, room chan struct{}, do func()) {
	select {
	case room <- struct{}{}:
		defer func() { <-room }()
	case <-ctx.Done():
	}
	do()
}
