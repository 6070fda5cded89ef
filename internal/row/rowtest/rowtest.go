// Package rowtest makes cells for tests.
package rowtest

import "github.com/rowtap/rowtap/internal/row"

// FromJSON returns the cell for a decoded UNFORMATTED_VALUE of the Sheets API: nil, string, float64
// or bool. Other types, which Sheets does not send, give a blank cell.
func FromJSON(v any) row.Cell {
	switch v := v.(type) {
	case string:
		return row.TextCell(v)
	case float64:
		return row.NumberCell(v)
	case bool:
		return row.BoolCell(v)
	}
	return row.Cell{}
}
