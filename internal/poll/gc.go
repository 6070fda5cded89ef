package poll

import (
	"runtime/debug"
	"sync"
)

// sparing makes the garbage collector thrifty while large worksheets are compared. What that takes
// are a few arrays without pointers, hundreds of megabytes for a million rows and cheap to collect;
// letting as much garbage accumulate, as is usual, would double the daemon's memory. An operator's
// own GOGC is restored afterwards, with what is free given back.
type gcTuner struct {
	mu       sync.Mutex
	active   int // comparisons under way
	previous int // GOGC without them
}

// thrifty is GOGC while a large worksheet is compared.
const lowGOGC = 15

func (s *gcTuner) begin() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.active == 0 {
		s.previous = debug.SetGCPercent(lowGOGC)
	}
	s.active++
}

func (s *gcTuner) end() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.active--
	if s.active == 0 {
		debug.SetGCPercent(s.previous)
		debug.FreeOSMemory()
	}
}
