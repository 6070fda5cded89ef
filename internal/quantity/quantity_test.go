package quantity

import "testing"

func TestCount(t *testing.T) {
	for _, tt := range []struct {
		n     int
		thing string
		want  string
	}{
		{0, "row", "0 rows"},
		{1, "row", "1 row"},
		{2, "delivery", "2 deliveries"},
		{1, "delivery", "1 delivery"},
		{999, "new row", "999 new rows"},
		{1000, "row", "1,000 rows"},
		{1234567, "row", "1,234,567 rows"},
		{-1000, "row", "-1,000 rows"},
		{-100, "row", "-100 rows"},
	} {
		if got := Count(tt.n, tt.thing); got != tt.want {
			t.Errorf("Count(%d, %q) = %q, want %q", tt.n, tt.thing, got, tt.want)
		}
	}
}
