package mapping

import (
	"fmt"
	"iter"
	"slices"
	"strings"

	"github.com/rowtap/rowtap/internal/config"
)

// RowError is why a row has no record. It holds no cell values.
type RowError struct {
	Row     int        // 1-based sheet row; 0: it stands in no sheet
	Column  string     // the column to blame; "" if it is not one alone
	Code    int        // CleverTap's code for it (https://developer.clevertap.com/docs/api-errors); 0 where it has none
	Message string     // what is wrong
	Pos     config.Pos // the template or filter that met it
	Hint    string     // what to do about it
	Next    *RowError  // the row's next mistake; nil: this is the last one
}

// All returns the row's mistakes from this one on.
func (e *RowError) All() iter.Seq[*RowError] {
	return func(yield func(*RowError) bool) {
		for ; e != nil; e = e.Next {
			if !yield(e) {
				return
			}
		}
	}
}

// Error returns the row, the column and what is wrong.
func (e *RowError) Error() string {
	switch {
	case e.Row == 0 && e.Column == "":
		return e.Message
	case e.Row == 0:
		return fmt.Sprintf("column %s: %s", e.Column, e.Message)
	case e.Column == "":
		return fmt.Sprintf("row %d: %s", e.Row, e.Message)
	}
	return fmt.Sprintf("row %d, column %s: %s", e.Row, e.Column, e.Message)
}

// mistakes collects what is wrong with a row.
type mistakes struct {
	all []*RowError
}

// maxMistakes is how many mistakes of a row are told: a row of #REF! has one in each of its columns.
const maxMistakes = 50

// add adds a mistake, unless one of the same column says the same: a column may be used in several places.
func (m *mistakes) add(e *RowError) {
	if len(m.all) == maxMistakes || slices.ContainsFunc(m.all, func(other *RowError) bool { return other.Column == e.Column && other.Message == e.Message }) {
		return
	}
	if len(m.all) > 0 {
		m.all[len(m.all)-1].Next = e
	}
	m.all = append(m.all, e)
}

// err returns the mistakes as an error, a [*RowError]; nil where there is none.
func (m *mistakes) err() error {
	if len(m.all) == 0 {
		return nil
	}
	return m.all[0]
}

// fault is a [RowError] before it is known which row, column and template it belongs to.
type fault struct {
	code    int
	message string
	hint    string // "" is the usual one
	column  string // to blame, if it is known better than by the template
}

func faultf(format string, args ...any) *fault { return &fault{message: fmt.Sprintf(format, args...)} }

func (f *fault) withHint(hint string) *fault {
	f.hint = hint
	return f
}

func (f *fault) withCode(code int) *fault {
	f.code = code
	return f
}

// of makes the fault a row's error. columns are those that could be to blame; property names the property where there is one.
func (f *fault) of(rowNumber int, columns []boundColumn, property string, pos config.Pos) *RowError {
	e := &RowError{Row: rowNumber, Column: f.column, Code: f.code, Message: f.message, Pos: pos, Hint: f.hint}
	if e.Column == "" && len(columns) == 1 {
		e.Column = columns[0].name
	}
	if e.Column == "" && property != "" {
		e.Message = "property " + property + ": " + e.Message
	}
	if e.Hint == "" {
		e.Hint = "correct the cell (the row then goes by itself), or the mapping at " + pos.String() + " and replay the row"
	}
	return e
}

// enumerate joins names in a sentence: A, B and C.
func enumerate(names []string) string {
	if len(names) < 2 {
		return strings.Join(names, "")
	}
	last := len(names) - 1
	return strings.Join(names[:last], ", ") + " and " + names[last]
}
