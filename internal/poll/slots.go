package poll

import "context"

// pollsAtOnce bounds the polls of an account that are under way, and so the worksheets held in memory.
const pollsAtOnce = 4

// readSlots is the room for the scheduled polls of a Google account, or for those that operators ask for: a slow account delays only its
// own zaps. A worksheet that is read page by page takes minutes of the account's quota; it makes way for the polls that take one request.
type readSlots struct {
	quickly chan struct{}
	wholly  chan struct{}
	sparing *sparing
}

// slotsKey names read slots. Polls that operators ask for have one of their own, for they read worksheets whole: scheduled polls wait for
// none of them, at the price of one more worksheet in memory.
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

// quick does what it is given once there is room, or at once when ctx has ended, so that it can say so.
func (l *readSlots) quick(ctx context.Context, do func()) { within(ctx, l.quickly, do) }

// whole is called within quick: it leaves its room to others, and reads one worksheet at a time.
func (l *readSlots) whole(ctx context.Context, do func()) {
	if ctx.Err() != nil { // quick may have had no room then
		do()
		return
	}
	<-l.quickly
	defer func() { l.quickly <- struct{}{} }() // quick gives it back, after a panic too
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
