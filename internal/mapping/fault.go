package mapping

import (
	"fmt"
	"iter"
	"slices"
	"strings"

	"github.com/rowtap/rowtap/internal/config"
)

// RowError describes why a row has no record. It contains no cell values.
type RowError struct {
	Row    int    // 1-based sheet row; 0: the row is not from a sheet
	Column string // the column at fault; "" if it is not a single one
	// Columns are those that may be at fault: Column, or all that the value is made from.
	Columns []string
	// Fields are the paths of the values that the record lacks for it, such as profileData.Phone.
	Fields []string
	// Code is CleverTap's error code (https://developer.clevertap.com/docs/api-errors); 0 if there
	// is none.
	Code    int
	Message string     // what is wrong
	Pos     config.Pos // the template or filter that failed
	Hint    string     // how to fix it
	Next    *RowError  // the next mistake of the row; nil: none
}

// All returns this mistake of the row and those after it.
func (e *RowError) All() iter.Seq[*RowError] {
	return func(yield func(*RowError) bool) {
		for ; e != nil; e = e.Next {
			if !yield(e) {
				return
			}
		}
	}
}

// Error returns the row, the column and the message.
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

// mistakes collects the mistakes of a row.
type mistakes struct {
	all []*RowError
}

// maxMistakes limits the mistakes that are reported for a row. A row of #REF! has one in each
// column.
const maxMistakes = 50

// add adds a mistake with the field that the record lacks for it. If there is one with the same
// column and message, only the field is added: a column may be used in several places.
func (m *mistakes) add(field string, e *RowError) {
	i := slices.IndexFunc(m.all, func(other *RowError) bool { return other.Column == e.Column && other.Message == e.Message })
	switch {
	case i >= 0:
		e = m.all[i]
	case len(m.all) == maxMistakes:
		return
	default:
		if len(m.all) > 0 {
			m.all[len(m.all)-1].Next = e
		}
		m.all = append(m.all, e)
	}
	e.Fields = append(e.Fields, field)
}

// err returns the mistakes as a [*RowError]; nil if there are none.
func (m *mistakes) err() error {
	if len(m.all) == 0 {
		return nil
	}
	return m.all[0]
}

// fault is a [RowError] whose row, column and template are not known yet.
type fault struct {
	code    int
	message string
	hint    string // "": a general one
	column  string // at fault, if known better than from the template
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

// of makes a RowError from the fault. columns are those that may be at fault; property is the
// property's name, or "".
func (f *fault) of(rowNumber int, columns []boundColumn, property string, pos config.Pos) *RowError {
	e := &RowError{Row: rowNumber, Column: f.column, Code: f.code, Message: f.message, Pos: pos, Hint: f.hint}
	if e.Column == "" && len(columns) == 1 {
		e.Column = columns[0].name
	}
	if e.Columns = columnNames(columns); e.Column != "" {
		e.Columns = []string{e.Column}
	}
	if e.Column == "" && property != "" {
		e.Message = "property " + property + ": " + e.Message
	}
	if e.Hint == "" {
		e.Hint = "correct the cell and rowtap retries the row, or correct the mapping at " + pos.String() + " and replay the row"
	}
	return e
}

// enumerate joins names for a message: A, B and C.
func enumerate(names []string) string {
	if len(names) < 2 {
		return strings.Join(names, "")
	}
	last := len(names) - 1
	return strings.Join(names[:last], ", ") + " and " + names[last]
}
