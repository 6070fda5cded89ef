package mapping

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/rowtap/rowtap/internal/config"
	"github.com/rowtap/rowtap/internal/row"
)

// CaseResult is the result of one test case of a zap file.
type CaseResult struct {
	// Differences lists what differs from the test case; empty: it passes.
	Differences []Difference
	// Notes lists possible causes of a failure: columns of the row that may be misspelled.
	Notes config.Diagnostics
}

// Difference is one difference from a test case.
type Difference struct {
	// Action is the name of the action whose record differs; "" if it is not about a single one.
	Action string `json:"action,omitempty"`
	// Path is that of the value in the record, such as profileData.Tags.$add[2]; "": the whole
	// record.
	Path    string          `json:"path,omitempty"`
	Message string          `json:"message"`            // what is wrong, with the expected and the actual value
	Want    json.RawMessage `json:"expected,omitempty"` // the expected value; nil: none
	Got     json.RawMessage `json:"got,omitempty"`      // the actual value; nil: none
}

// Check runs one test case of the zap. The header has the columns of the case's row and those that
// the mapping uses, which are blank if the row lacks them. Date cells are in UTC. There is no
// detection time, so ts comes from the row or is left out. `require` is ignored.
func (m *Mapping) Check(c config.TestCase) CaseResult {
	header, r := m.caseRow(c)
	bound, err := m.Bind(header)
	if err != nil {
		return CaseResult{Differences: []Difference{{Message: err.Error()}}}
	}
	t := trial{mapping: m, bound: bound, row: r, ctx: Context{Zone: time.UTC}}
	var result CaseResult
	switch {
	case c.Error != "":
		result.Differences = t.fails(c.Error)
	case c.Records == nil:
		result.Differences = t.dropped()
	default:
		result.Differences = t.becomes(c.Records)
	}
	if len(result.Differences) > 0 {
		result.Notes = m.misspelt(c)
	}
	return result
}

// caseRow returns the row of a test case and a header for it. The row has number 0, because it is
// in no sheet.
func (m *Mapping) caseRow(c config.TestCase) (row.Header, row.Row) {
	names := caseColumns(c)
	r := row.Row{}
	for _, name := range names {
		r.Cells = append(r.Cells, c.Row[name])
	}
	for _, name := range m.Columns() {
		if _, given := c.Row[name]; !given {
			names = append(names, name)
		}
	}
	return row.HeaderOf(names), r
}

// caseColumns returns the columns of a test case's row in file order.
func caseColumns(c config.TestCase) []string {
	return slices.SortedFunc(maps.Keys(c.Row), func(a, b string) int { return c.ColumnPos[a].Compare(c.ColumnPos[b]) })
}

// misspelt returns notes on columns of a test case's row that the mapping does not use but whose
// names are similar to a column that it uses and the row lacks. They are not mistakes as such,
// because sheets contain unused columns.
func (m *Mapping) misspelt(c config.TestCase) config.Diagnostics {
	if slices.ContainsFunc(m.actions, func(a action) bool { return a.AllProperties }) {
		return nil
	}
	used := m.Columns()
	blank := slices.DeleteFunc(slices.Clone(used), func(name string) bool {
		_, given := c.Row[name]
		return given
	})
	var notes config.Diagnostics
	for _, name := range caseColumns(c) {
		if near := config.Nearest(name, blank); near != "" && !slices.Contains(used, name) {
			notes = append(notes, config.Diagnostic{
				Pos: c.ColumnPos[name], Warning: true,
				Message: fmt.Sprintf("the mapping uses no column %q", name), Suggestion: fmt.Sprintf("did you mean %q?", near),
			})
		}
	}
	return notes
}

// trial is a running test case.
type trial struct {
	mapping *Mapping
	bound   *Bound
	row     row.Row
	ctx     Context
}

// passes returns nil if the filter lets the row pass, otherwise the difference from what was
// expected.
func (t *trial) passes(expected string) *Difference {
	keep, err := t.bound.Keeps(t.row, t.ctx)
	switch {
	case err != nil:
		return &Difference{Message: expected + ", but the row fails: " + caseError(err)}
	case !keep:
		return &Difference{Message: expected + ", but the filter drops the row"}
	}
	return nil
}

// dropped checks that the filter drops the row.
func (t *trial) dropped() []Difference {
	const expected = "expected the filter to drop the row"
	keep, err := t.bound.Keeps(t.row, t.ctx)
	switch {
	case err != nil:
		return []Difference{{Message: expected + ", but it fails: " + caseError(err)}}
	case !keep:
		return nil
	case t.mapping.filter == nil:
		return []Difference{{Message: expected + ", but the zap has no filter"}}
	}
	return []Difference{{Message: expected + ", but the row passes"}}
}

// fails checks that an action fails with an error that contains want.
func (t *trial) fails(want string) []Difference {
	expected := fmt.Sprintf("expected an error containing %q", want)
	var messages []string
	for nth := range t.mapping.actions {
		_, keep, err := t.bound.Record(nth, t.row, t.ctx)
		switch {
		case err == nil && !keep:
			return []Difference{{Message: expected + ", but the filter drops the row"}}
		case err == nil:
			continue
		}
		if slices.ContainsFunc(each(err), func(one error) bool { return strings.Contains(errorText(one), want) }) {
			return nil
		}
		if message := caseError(err); !slices.Contains(messages, message) {
			messages = append(messages, message)
		}
	}
	if len(messages) == 0 {
		return []Difference{{Message: expected + ", but the row has no error"}}
	}
	return []Difference{{Message: expected + ", but it is: " + strings.Join(messages, "\n")}}
}

// becomes checks the records of the row, one per action. A nil record is not compared.
func (t *trial) becomes(records []map[string]any) []Difference {
	if d := t.passes("expected a record"); d != nil {
		return []Difference{*d}
	}
	var all []Difference
	for nth, want := range records {
		if want != nil {
			all = append(all, t.compare(nth, want)...)
		}
	}
	return all
}

// compare compares the record of an action with the expected one.
func (t *trial) compare(nth int, want map[string]any) []Difference {
	a := t.mapping.actions[nth]
	rec, _, err := t.bound.Record(nth, t.row, t.ctx)
	if err != nil {
		return []Difference{{Action: a.Name, Message: "expected a record, but the row fails: " + caseError(err)}}
	}
	got := map[string]any{}
	numbers := json.NewDecoder(bytes.NewReader(rec.JSON))
	numbers.UseNumber()
	if err := numbers.Decode(&got); err != nil {
		return []Difference{{Action: a.Name, Message: "the record is not JSON: " + err.Error()}}
	}
	for _, key := range []string{"type", "ts"} {
		if _, asked := want[key]; !asked {
			delete(got, key)
		}
	}
	c := comparison{action: a.Name}
	c.record(want, got)
	for i, d := range c.found {
		if d.Path == "ts" && d.Got == nil && !a.hasTime {
			c.found[i].Message += ": without time:, ts is the detection time, which a test case cannot know"
		}
	}
	return c.found
}

// errorText returns an error in the form that `error:` of a test case is compared with.
func errorText(err error) string {
	wrong, ok := errors.AsType[*RowError](err)
	if !ok || wrong.Code == 0 {
		return err.Error()
	}
	return wrong.Error() + " (code " + strconv.Itoa(wrong.Code) + ")"
}

// caseError returns the text and position of each mistake of a row, one per line.
func caseError(err error) string {
	var lines []string
	for _, one := range each(err) {
		line := errorText(one)
		if wrong, ok := errors.AsType[*RowError](one); ok && wrong.Pos != (config.Pos{}) {
			line += ", at " + wrong.Pos.String()
		}
		lines = append(lines, line)
	}
	return strings.Join(lines, "\n")
}

// each returns all mistakes of a row, or the error itself if it is not a [*RowError].
func each(err error) []error {
	wrong, ok := errors.AsType[*RowError](err)
	if !ok {
		return []error{err}
	}
	var all []error
	for one := range wrong.All() {
		all = append(all, one)
	}
	return all
}
