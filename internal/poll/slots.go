package poll

import "context"

// pollsAtOnce bounds the polls of an account that are under way, and so the worksheets held in
// memory.
const pollsAtOnce = 4

// readSlots bounds the polls of a Google account that run at once, so that a slow account delays
// only its own zaps. A worksheet that is read page by page may take minutes of the account's quota;
// meanwhile polls that take one request go on.
type readSlots struct {
	quickly chan struct{} // a token a visit
	wholly  chan struct{} // a token a worksheet that is read page by page
	sparing *sparing
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
		pr.slots[of] = &readSlots{quickly: make(chan struct{}, pollsAtOnce), wholly: make(chan struct{}, 1), sparing: &pr.sparing}
	}
	return pr.slots[of]
}

// quick calls do once there is room, or at once when ctx has ended, so that do can return its
// error.
func (l *readSlots) quick(ctx context.Context, do func()) { within(ctx, l.quickly, do) }

// whole is called within quick. It gives the room back while it waits and while do runs, which
// reads a worksheet: one at a time.
func (l *readSlots) whole(ctx context.Context, do func()) {
	if ctx.Err() != nil { // quick may have had no room then
		do()
		return
	}
	<-l.quickly
	defer func() { l.quickly <- struct{}{} }() // quick gives it back, also after a panic
	within(ctx, l.wholly, func() {
		l.sparing.begin()
		defer l.sparing.end()
		do()
	})
}

func within(ctx context.Context, room chan struct{}, do func()) {
	select {
	case room <- struct{}{}:
		defer func() { <-room }()
	case <-ctx.Done():
	}
	do()
}
