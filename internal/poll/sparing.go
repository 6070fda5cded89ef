package poll

import (
	"runtime/debug"
	"sync"
)

// sparing makes the garbage collector thrifty while large worksheets are compared. What that takes
// are a few arrays without pointers, hundreds of megabytes for a million rows and cheap to collect;
// letting as much garbage accumulate, as is usual, would double the daemon's memory. An operator's
// own GOGC is restored afterwards, with what is free given back.
type sparing struct {
	mu     sync.Mutex
	under  int // comparisons under way
	before int // GOGC without them
}

// thrifty is GOGC while a large worksheet is compared.
const thrifty = 15

func (s *sparing) begin() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.under == 0 {
		s.before = debug.SetGCPercent(thrifty)
	}
	s.under++
}

func (s *sparing) end() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.under--
	if s.under == 0 {
		debug.SetGCPercent(s.before)
		debug.FreeOSMemory()
	}
}
