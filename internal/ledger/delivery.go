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

// State is the state of a delivery. The zero State means none.
type State uint8

// The states of a delivery. Their numbers are stored: add new ones only at the end.
const (
	Waiting   State = iota + 1 // not ready yet
	Queued                     // to be sent, or in flight
	Sent                       // accepted
	Skipped                    // dropped by the filter
	Failed                     // refused by CleverTap, or by the mapping
	Held                       // for an operator to decide
	Discarded                  // by an operator
	Validated                  // accepted by a dry run in shadow mode; never sent
)

// lastState is the state with the highest number.
const lastState = Validated

const states = int(lastState) + 1

// String returns the state's name.
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

// ParseState returns the state with the given name; see [State.String].
func ParseState(name string) (State, error) {
	names := StateNames()
	if i := slices.Index(names, name); i >= 0 {
		return Waiting + State(i), nil
	}
	return 0, fmt.Errorf("unknown state %q; the states are %s", name, strings.Join(names, ", "))
}

// StateNames returns the names of all states in the order of their numbers.
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

// UnmarshalText parses what MarshalText returns. Its error lists the states.
func (s *State) UnmarshalText(text []byte) (err error) {
	if *s = 0; len(text) > 0 {
		*s, err = ParseState(string(text))
	}
	return err
}

// Open reports whether a delivery in this state is not finished: it may change by itself, or an
// operator must decide.
func (s State) Open() bool { return s != 0 && !s.done() }

// done reports whether a delivery in this state is finished, unless an operator acts on it.
func (s State) done() bool { return s == Sent || s == Validated || s == Skipped || s == Discarded }

// Accepted reports whether CleverTap has accepted the record, for real or in a dry run.
func (s State) Accepted() bool { return s == Sent || s == Validated }

// follows reports whether a delivery follows changes of its row in the sheet. Queued rows are sent
// as found.
func (s State) follows() bool { return s == Waiting || s == Held || s == Failed }

// Delivery is a new row and its outcome. Deliveries share what their pointers point to: do not
// change it.
type Delivery struct {
	Zap    string
	Number uint64 // counts the zap's deliveries from 1
	State  State
	Action string // one of the zap's actions
	First  uint64 // the row's first delivery; 0: this one
	Next   uint64 // the row's delivery for the zap's next action; 0: none yet
	Like   uint64 // the delivery of the row that it may duplicate, or whose key it has; 0: none

	Row     row.Row
	Header  row.Header // names the row's cells
	Zone    string     // time zone of the row's dates: that of the spreadsheet (IANA name)
	AsFound *AsFound   // Row as it was found; nil: not Edited

	Identity              string // the user of the record, once mapped
	DetectedAt, UpdatedAt time.Time

	Attempts int       // counted requests that it was part of
	RetryAt  time.Time // not to be sent before; zero: at once
	InFlight bool      // in a request whose outcome is not recorded yet

	MaybeTwice     bool // an earlier request may have arrived
	Shadow         bool // found in shadow mode: validated, never sent
	Solo           bool // to be sent in its own request
	DeletedInSheet bool // its row is gone from the sheet
	Edited         bool // Row differs from the row as found
	Repeat         bool // it repeats the key of another row; an operator's release or replay sends it

	Reason  string   // what it waits for, why it is held, or an operator's note
	Problem *Problem // why it failed, or what went wrong in the last attempt
	Answer  *Answer  // nil: none yet

	// From detection to the current state, oldest first; of many only the first and the last ones.
	Steps []Step
}

// AsFound is a row as it was found.
type AsFound struct {
	Row    row.Row
	Header row.Header
}

// ID returns the delivery ID, "zap/number".
func (d Delivery) ID() string { return d.Zap + "/" + strconv.FormatUint(d.Number, 10) }

// Origin returns the number of the row's first delivery, by which detection knows the row.
func (d Delivery) Origin() uint64 {
	if d.First != 0 {
		return d.First
	}
	return d.Number
}

// ErrBadID is the error for text that is not a delivery ID.
var ErrBadID = errors.New("not a delivery ID")

// ParseID splits a delivery ID. Its error wraps ErrBadID.
func ParseID(id string) (zap string, n uint64, err error) {
	i := strings.LastIndexByte(id, '/')
	if i > 0 {
		n, err = strconv.ParseUint(id[i+1:], 10, 64)
	}
	if i <= 0 || err != nil || n == 0 {
		return "", 0, fmt.Errorf("%q is %w; expected ZAP/NUMBER, for example signups/42", id, ErrBadID)
	}
	return id[:i], n, nil
}

// Problem is why a delivery failed. It never contains cell values.
type Problem struct {
	Code    string // CleverTap's code or one of the mapping; may be ""
	Message string
	Column  string // "" if it concerns no single column
	Hint    string // what to do next
	// Next is the row's next problem; nil: none. Deliveries share it: do not change it.
	Next *Problem `json:",omitempty"`
}

// Text returns the problem in one line: its column, its code and its message.
func (p *Problem) Text() string {
	text := p.Message
	if p.Code != "" {
		text = p.Code + ": " + text
	}
	if p.Column != "" {
		text = p.Column + ": " + text
	}
	return text
}

// All returns the problems of a row, from this one on; none if p is nil.
func (p *Problem) All() iter.Seq[*Problem] {
	return func(yield func(*Problem) bool) {
		for ; p != nil; p = p.Next {
			if !yield(p) {
				return
			}
		}
	}
}

// Answer is the response to the upload of a row.
type Answer struct {
	At         time.Time
	HTTPStatus int
	Status     string // as CleverTap says: success, partial, fail
	Processed  int    // accepted records
	Sent       int    // records in the upload
}
