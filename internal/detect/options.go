package detect

import (
	"slices"
	"time"
)

// Options are the parts of a zap's trigger that decide what is new. Columns are called as mappings
// call them ([github.com/rowtap/rowtap/internal/row.Header.Index]). All of them may change between
// two polls.
type Options struct {
	Require  []string      // a row is ready once these columns are filled
	Key      []string      // columns that identify a row for good; empty: rows are known by their content
	Identity []string      // columns that the zap's identity uses: letter case does not count in a key column that is one of them
	Ignore   []string      // columns that say nothing about a row's identity
	Unsure   Unsure        // "" is UnsureHold
	Settle   time.Duration // a row is ready once it has not changed for this long
	// SettleCopies is how long a new row that equals one which was there before must not have
	// changed until it is ready: people duplicate a row and type over it.
	SettleCopies time.Duration
	MaxNewRows   int // more new rows than this in one poll are held; 0: no limit
	// AtOnce is how many new rows one comparison takes, in sheet order, where there are more; the
	// next whole reads find the others. Those that may be known rows are taken in any case, and what
	// is left is always more than MaxNewRows lets through. 0: no limit.
	AtOnce int
	// Backfill asks for rows that were there at the start as well. MaxNewRows does not hold them, and they do not settle. nil: none.
	Backfill *Backfill
	// Open says, by a row's first delivery, what it is still open for. A delivery that is not in it
	// is finished, whatever it came to, or queued. The ledger alone knows; it is asked right before
	// the comparison.
	Open map[uint64]Open
}

// Open says what the delivery of a row is open for.
type Open uint8

// The open deliveries.
const (
	OpenWaiting Open = iota + 1 // it fires once its row is ready
	OpenHeld                    // it waits for an operator, and never fires by itself
	OpenFailed                  // it fired and was refused: an edit of its row is welcome, for it may correct it
)

// open returns what a known row's delivery is open for; 0: nothing.
func (o Options) open(s Seen) Open {
	switch {
	case s.Waits:
		return OpenWaiting
	case s.Delivery == 0:
		return 0
	}
	return o.Open[s.Delivery]
}

// waits tells whether a known row fires once it is ready.
func (o Options) waits(s Seen) bool { return o.open(s) == OpenWaiting }

// settle returns how long a row must not have changed until it is ready.
func (o Options) settle(s Seen) time.Duration {
	if s.Copy {
		return max(o.Settle, o.SettleCopies)
	}
	return o.Settle
}

// foldsKey tells whether letter case does not count in a column of Key.
func (o Options) foldsKey(name string) bool { return slices.Contains(o.Identity, name) }

// keyedBy returns Key as [Cursor].KeyedBy has it: names, and whether letter case counts in them.
func (o Options) keyedBy() []string {
	names := slices.Clone(o.Key)
	for i, name := range names {
		if o.foldsKey(name) {
			names[i] += anyCase
		}
	}
	return names
}

// anyCase marks a column of [Cursor].KeyedBy in which letter case does not count. No tidy name
// holds a zero byte.
const anyCase = "\x00i"

// Unsure says what becomes of a row that may be a new one or an edited old one. Its values are
// those of the zap file.
type Unsure string

// The values of Unsure.
const (
	UnsureHold Unsure = "hold" // hold it for an operator
	UnsureSend Unsure = "send" // take it as new
	UnsureSkip Unsure = "skip" // take it as old
)
