package detect

import "time"

// Options are the parts of a zap's trigger that decide what is new. Columns are called as mappings call them
// ([github.com/rowtap/rowtap/internal/row.Header.Index]). All of them may change between two polls.
type Options struct {
	Require    []string      // a row is ready once these columns are filled
	Key        []string      // columns that identify a row for good; empty: rows are known by their content
	Ignore     []string      // columns that say nothing about a row's identity
	Unsure     Unsure        // "" is UnsureHold
	Settle     time.Duration // a row is ready once it has not changed for this long
	Failed     []uint64      // deliveries that fired and were refused: an edit of their row is welcome, for it may mend it
	MaxNewRows int           // more new rows than this in one poll are held; 0: no limit
}

// Unsure says what becomes of a row that may be a new one or an edited old one. Its values are those of the zap file.
type Unsure string

// The values of Unsure.
const (
	UnsureHold Unsure = "hold" // hold it for an operator
	UnsureSend Unsure = "send" // take it as new
	UnsureSkip Unsure = "skip" // take it as old
)
