package detect_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/rowtap/rowtap/internal/detect"
)

// TestTraceOfARow: rows typed in the places of others that share only a dropdown are held if that
// is enough to suggest an edit. Next to many columns with more information it is not, and the rows
// are new. Without required columns, up to three columns may be volatile.
func TestTraceOfARow(t *testing.T) {
	const rows = 24
	sheet := func(telling int, people string) string {
		var s strings.Builder
		s.WriteString("Plan|Email")
		for k := range telling - 1 {
			fmt.Fprintf(&s, "|C%d", k)
		}
		for i := range rows {
			fmt.Fprintf(&s, "/%s|%s%d@x.com", []string{"free", "pro", "gold"}[i*i%7%3], people, i)
			for k := range telling - 1 {
				fmt.Fprintf(&s, "|%s %d of %d", people, i, k)
			}
		}
		return s.String()
	}
	required := []string{"Email"}
	for _, tt := range []struct {
		require []string
		telling int
		want    detect.State
	}{{required, 2, detect.Held}, {required, 3, detect.Ready}, {nil, 3, detect.Held}, {nil, 4, detect.Ready}, {nil, 7, detect.Ready}} {
		// The second read of the new rows confirms that half of the rows are gone.
		r := reads(t, detect.Options{Require: tt.require}, 1<<30, sheet(tt.telling, "old"), sheet(tt.telling, "new"), sheet(tt.telling, "new"))
		n := 0
		for _, f := range r.Found {
			if f.State == tt.want {
				n++
			}
		}
		if n != rows {
			t.Errorf("%d identifying columns, require %v: %d of %d rows are %s; doubt %q", tt.telling, tt.require, n, rows, tt.want, r.Doubt)
		}
	}
}
