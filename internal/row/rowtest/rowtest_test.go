package rowtest_test

import (
	"testing"

	"github.com/rowtap/rowtap/internal/row"
	"github.com/rowtap/rowtap/internal/row/rowtest"
)

func TestFromJSON(t *testing.T) {
	for _, test := range []struct {
		value any
		want  row.Cell
	}{
		{nil, row.Cell{}},
		{"", row.TextCell("")},
		{"x", row.TextCell("x")},
		{0.0, row.NumberCell(0)},
		{true, row.BoolCell(true)},
		{false, row.BoolCell(false)},
		{[]any{1.0}, row.Cell{}},
	} {
		if got := rowtest.FromJSON(test.value); got != test.want {
			t.Errorf("%#v: got %+v, want %+v", test.value, got, test.want)
		}
	}
}
