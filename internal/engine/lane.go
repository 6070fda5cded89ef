package engine

import "context"

// pollsAtOnce bounds the polls of a lane that are under way, and so the worksheets held in memory.
const pollsAtOnce = 4

// lane is what the scheduled polls of a Google account share, or those that operators ask for: a slow account delays only its own zaps. A worksheet that is read page by page
// takes minutes of the account's quota; it makes way for the polls that take one request.
type lane struct {
	quickly chan struct{}
	wholly  chan struct{}
	sparing *sparing
}

// laneOf names a lane. Polls that operators ask for have one of their own, for they read worksheets whole: scheduled polls wait for
// none of them, at the price of one more worksheet in memory.
type laneOf struct {
	account string
	asked   bool
}

// lane returns a lane of an account.
func (e *Engine) lane(account string, asked bool) *lane {
	e.mu.Lock()
	defer e.mu.Unlock()
	of := laneOf{account, asked}
	if e.lanes[of] == nil {
		e.lanes[of] = &lane{quickly: make(chan struct{}, pollsAtOnce), wholly: make(chan struct{}, 1), sparing: &e.sparing}
	}
	return e.lanes[of]
}

// quick does what it is given once there is room, or at once when ctx has ended, so that it can say so.
func (l *lane) quick(ctx context.Context, do func()) { within(ctx, l.quickly, do) }

// whole is called within quick: it leaves its room to others, and reads one worksheet at a time.
func (l *lane) whole(ctx context.Context, do func()) {
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
