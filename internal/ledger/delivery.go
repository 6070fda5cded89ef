package ledger

import (
	"errors"
	"fmt"
	"iter"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/rowtap/rowtap/internal/row"
)

// State is where a delivery stands. The zero State is none.
type State uint8

// The states of a delivery. Their numbers are stored: only add at the end.
const (
	Waiting   State = iota + 1 // not ready yet
	Queued                     // to be sent, or under way
	Sent                       // accepted
	Skipped                    // the filter says no
	Failed                     // refused, or the mapping cannot make a record of it
	Held                       // an operator decides
	Discarded                  // an operator decided against it
	Validated                  // accepted by a dry run, in shadow mode: never sent
)

// lastState is the state with the highest number.
const lastState = Validated

const states = int(lastState) + 1

// String returns the state's name as operators read it.
func (s State) String() string {
	switch s {
	case Waiting:
		return "waiting"
	case Queued:
		return "queued"
	case Sent:
		return "sent"
	case Skipped:
		return "skipped"
	case Failed:
		return "failed"
	case Held:
		return "held"
	case Discarded:
		return "discarded"
	case Validated:
		return "validated"
	}
	return "unknown"
}

// ParseState returns the state that [State.String] calls name.
func ParseState(name string) (State, error) {
	names := StateNames()
	if i := slices.Index(names, name); i >= 0 {
		return Waiting + State(i), nil
	}
	return 0, fmt.Errorf("no state %q; the states are %s", name, strings.Join(names, ", "))
}

// StateNames returns the names of all states, in the order of their numbers.
func StateNames() []string {
	names := make([]string, 0, states)
	for s := Waiting; s <= lastState; s++ {
		names = append(names, s.String())
	}
	return names
}

// MarshalText returns the state's name.
func (s State) MarshalText() ([]byte, error) {
	if s == 0 {
		return nil, nil
	}
	return []byte(s.String()), nil
}

// UnmarshalText takes what MarshalText returns. Its error lists the states.
func (s *State) UnmarshalText(text []byte) (err error) {
	if *s = 0; len(text) > 0 {
		*s, err = ParseState(string(text))
	}
	return err
}

// Open tells whether something may still happen to a delivery by itself, or an operator is to decide.
func (s State) Open() bool { return s != 0 && !s.done() }

// done tells whether nothing will happen any more to a delivery, unless an operator asks for it.
func (s State) done() bool { return s == Sent || s == Validated || s == Skipped || s == Discarded }

// Accepted tells whether CleverTap has taken the record: for good, or at a dry run.
func (s State) Accepted() bool { return s == Sent || s == Validated }

// follows tells whether a delivery takes over what happens to its row in the sheet. Queued rows go as they were found.
func (s State) follows() bool { return s == Waiting || s == Held || s == Failed }

// Delivery is what became of one new row. Several share the values that their pointers lead to: do not change them.
type Delivery struct {
	Zap    string
	Number uint64 // counts the zap's deliveries from 1
	State  State
	Action string // which of the zap's actions
	First  uint64 // the row's first delivery; 0: this is it
	Next   uint64 // the row's delivery after this one, for the zap's next action; 0: there is none yet
	Like   uint64 // the delivery of the row that it may be, or whose key it has; 0: none

	Row    row.Row
	Header row.Header // names the row's cells
	Zone   string     // of the row's dates: the spreadsheet's time zone (IANA name)

	Identity              string // the user the record is of, once it was mapped
	DetectedAt, UpdatedAt time.Time

	Attempts int       // requests that it was in and that count
	RetryAt  time.Time // not to be sent before; zero: at once
	InFlight bool      // in a request whose outcome is not recorded yet

	MaybeTwice     bool // an earlier request may have arrived
	Shadow         bool // found while the zap was in shadow mode: it is validated, and never sent
	Solo           bool // to be sent in a request of its own
	DeletedInSheet bool // its row is gone from the sheet
	Edited         bool // Row is no longer as it was found

	Reason  string   // what it waits for, why it is held, what an operator noted
	Problem *Problem // why it failed, or what went wrong at the last attempt
	Answer  *Answer  // nil: none yet

	Steps []Step // what happened between being found and the state now, oldest first; of many the first and the last ones
}

// ID returns the delivery's name, "zap/number".
func (d Delivery) ID() string { return d.Zap + "/" + strconv.FormatUint(d.Number, 10) }

// Origin returns the number of the row's first delivery: that under which detection knows the row.
func (d Delivery) Origin() uint64 {
	if d.First != 0 {
		return d.First
	}
	return d.Number
}

// ErrBadID is returned for text that cannot be the name of a delivery.
var ErrBadID = errors.New("no name of a delivery; one looks like webinar-signups/1042")

// ParseID takes the name of a delivery apart. It returns ErrBadID.
func ParseID(id string) (zap string, n uint64, err error) {
	i := strings.LastIndexByte(id, '/')
	if i > 0 {
		n, err = strconv.ParseUint(id[i+1:], 10, 64)
	}
	if i <= 0 || err != nil || n == 0 {
		return "", 0, fmt.Errorf("%q is %w", id, ErrBadID)
	}
	return id[:i], n, nil
}

// Problem is why a delivery failed. It never holds cell values.
type Problem struct {
	Code    string // CleverTap's, or the mapping's own; may be ""
	Message string
	Column  string // "" where it is about no single column
	Hint    string // what to do next
	// Next is the row's next mistake; nil: this is the last one. Several deliveries share it: do not change it.
	Next *Problem `json:",omitempty"`
}

// All returns what is wrong with a row, from this problem on; nothing of nil.
func (p *Problem) All() iter.Seq[*Problem] {
	return func(yield func(*Problem) bool) {
		for ; p != nil; p = p.Next {
			if !yield(p) {
				return
			}
		}
	}
}

// Answer is what came back for the upload that a row was in.
type Answer struct {
	At         time.Time
	HTTPStatus int
	Status     string // CleverTap's word: success, partial, fail
	Processed  int    // records it accepted
	Sent       int    // records the upload had
}
