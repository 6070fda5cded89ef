package deliver

import (
	"cmp"
	"maps"
	"time"
)

// Account is the reason why a CleverTap account accepts no records. The zero value is a working
// account.
type Account struct {
	Err   error     // of its last upload; nil: it was processed
	Shut  bool      // the account does not recover without an operator
	Until time.Time // the next attempt, UTC
}

// Accounts returns the state of each account used so far, by name.
func (s *Sender) Accounts() map[string]Account {
	s.shown.mu.Lock()
	defer s.shown.mu.Unlock()
	return maps.Clone(s.shown.accounts)
}

// Delay returns why rows of a zap are retried later, or "" if none are.
func (s *Sender) Delay(zapName string) string {
	s.shown.mu.Lock()
	defer s.shown.mu.Unlock()
	return s.shown.delays[zapName]
}

// Stall returns the error that stops all sending, or nil.
func (s *Sender) Stall() error {
	s.shown.mu.Lock()
	defer s.shown.mu.Unlock()
	return s.shown.stall
}

// Alive returns when the loop last ran, by the monotonic clock. The loop runs at least every
// MaxSleep, even while uploads or breakers wait.
func (s *Sender) Alive() time.Time {
	s.shown.mu.Lock()
	defer s.shown.mu.Unlock()
	return s.shown.alive
}

// show publishes the state for Accounts, Delay, Stall and Alive.
func (s *Sender) show() {
	s.shown.mu.Lock()
	defer s.shown.mu.Unlock()
	for name, a := range s.accounts {
		s.shown.accounts[name] = Account{a.breaker.err, a.breaker.shut, a.breaker.until}
	}
	for name, queues := range s.queues {
		s.shown.delays[name] = ""
		for _, q := range queues {
			s.shown.delays[name] = cmp.Or(s.shown.delays[name], q.delay)
		}
	}
	s.shown.alive = time.Now()
	s.shown.stall = nil
	// A stall that nothing was tried against for MaxSleep is not shown.
	if s.stalls > 0 && (len(s.unsaved) > 0 || s.opts.Now().Sub(s.stalled) < MaxSleep) {
		s.shown.stall = s.refusal
	}
}
