package poll

import (
	"runtime/debug"
	"sync"
)

// gcTuner lowers GOGC while large worksheets are compared. A comparison takes a few arrays without
// pointers, hundreds of megabytes for a million rows and cheap to collect; with the default GOGC
// their garbage would double the daemon's memory. Afterwards an operator's own GOGC is restored and
// free memory is returned to the operating system.
type gcTuner struct {
	mu       sync.Mutex
	active   int // running comparisons
	previous int // GOGC without them
}

// lowGOGC is GOGC while a large worksheet is compared.
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
