package mapping_test

import (
	"strings"
	"testing"

	"github.com/rowtap/rowtap/internal/config"
)

// TestErrorCells checks that a cell that shows an error, or is still loading, fails its row.
func TestErrorCells(t *testing.T) {
	for _, shown := range []string{"#N/A", "#REF!", "Loading..."} {
		got := propertyOf(t, config.Property{Value: at("{{C}}")}, cells("C", shown))
		if want := "row 7, column C: the cell shows an error, or is still loading"; !strings.HasPrefix(got, want) {
			t.Errorf("%s: got %s, want %s", shown, got, want)
		}
	}
}
