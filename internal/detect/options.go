package detect

import (
	"slices"
	"time"
)

// Options are the settings of a zap's trigger that decide what is new. Columns are named as in
// mappings ([github.com/rowtap/rowtap/internal/row.Header.Index]). All options may change between
// two polls.
type Options struct {
	Require []string // a row is ready once these columns are filled
	Key     []string // columns that identify a row; empty: its content does
	// Identity lists the columns of the zap's identity. Key columns among them ignore letter case.
	Identity []string
	Repeats  Repeats       // with Key; "" is RepeatsHold
	Ignore   []string      // columns that do not help to identify a row
	Unsure   Unsure        // "" is UnsureHold
	Settle   time.Duration // a row is ready once it has been unchanged for this long
	// SettleCopies is how long a new row that equals an existing one must stay unchanged before it
	// is ready, because people duplicate a row and type over it.
	SettleCopies time.Duration
	MaxNewRows   int // if one poll finds more new rows than this, they are held; 0: no limit
	// AtOnce is the number of new rows that one comparison returns, in sheet order; the next full
	// reads find the others. Rows that may be known ones are always returned, and what is left
	// always exceeds MaxNewRows. 0: no limit.
	AtOnce int
	// Backfill asks for rows that were there at the start. MaxNewRows and Settle do not apply to
	// them. nil: none.
	Backfill *Backfill
	// SentKeys has the keys of rows that are queued or were sent, for a Backfill under RepeatsSkip.
	SentKeys map[uint64]bool
	// Open holds the open deliveries, by a row's first delivery. A delivery that is missing is
	// queued or finished. Only the ledger knows; the caller asks it right before the comparison.
	Open map[uint64]Open
}

// Open is what an open delivery waits for.
type Open uint8

// The states of open deliveries.
const (
	OpenWaiting Open = iota + 1 // fires once its row is ready
	OpenHeld                    // waits for an operator and never fires automatically
	OpenFailed                  // fired and was rejected; an edit of its row may correct it
)

// open returns the state of a known row's open delivery, or 0 if it has none.
func (o Options) open(s Seen) Open {
	switch {
	case s.Waits:
		return OpenWaiting
	case s.Delivery == 0:
		return 0
	}
	return o.Open[s.Delivery]
}

// waits reports whether a known row fires once it is ready.
func (o Options) waits(s Seen) bool { return o.open(s) == OpenWaiting }

// settle returns how long a known row must stay unchanged before it is ready.
func (o Options) settle(s Seen) time.Duration {
	if s.Copy {
		return max(o.Settle, o.SettleCopies)
	}
	return o.Settle
}

// foldsKey reports whether letter case is ignored in a key column.
func (o Options) foldsKey(name string) bool { return slices.Contains(o.Identity, name) }

// keyedBy returns Key in the form of [Cursor].KeyedBy: names marked with whether letter case
// counts.
func (o Options) keyedBy() []string {
	names := slices.Clone(o.Key)
	for i, name := range names {
		if o.foldsKey(name) {
			names[i] += anyCase
		}
	}
	return names
}

// anyCase marks a column of [Cursor].KeyedBy in which letter case is ignored. Tidy names contain no
// zero byte.
const anyCase = "\x00i"

// Unsure is the policy for a row that may be new or an edited earlier one. The values are those of
// zap files.
type Unsure string

// The values of Unsure.
const (
	UnsureHold Unsure = "hold" // hold it for an operator
	UnsureSend Unsure = "send" // treat it as new
	UnsureSkip Unsure = "skip" // treat it as old
)

// Repeats says what to do with a second row that has a key seen before. The values are those of zap
// files.
type Repeats string

// The values of Repeats.
const (
	RepeatsHold Repeats = "hold" // hold it for an operator if the first row is there, else it is that row
	RepeatsSend Repeats = "send" // treat it as new
	RepeatsSkip Repeats = "skip" // treat it as new; whether its key is taken depends on outcomes: the ledger decides
)

// apart reports whether rows with the same key are different rows, so that only their content shows
// whether a vanished row came back.
func (o Options) apart() bool { return o.Repeats == RepeatsSkip || o.Repeats == RepeatsSend }
