package cli

import (
	"testing"

	"github.com/rowtap/rowtap/internal/hint"
	"github.com/rowtap/rowtap/internal/mirror"
)

// TestSurveyed: what check --online says of a database that it reaches.
func TestSurveyed(t *testing.T) {
	for _, tt := range []struct {
		found       mirror.Survey
		note, wrong string
	}{
		{mirror.Survey{Version: "13.22", Number: 130022}, "", "PostgreSQL 13.22 is not supported\nnext: upgrade PostgreSQL to version 14 or later"},
		{mirror.Survey{Version: "14.0", Number: 140000}, "version 14.0; no tables yet: rowtap run creates them", ""},
		{mirror.Survey{Version: "17.6", Number: 170006, Tables: true}, "version 17.6; no state yet: rowtap run copies the state file into it", ""},
		{mirror.Survey{Version: "17.6", Number: 170006, Tables: true, State: true}, "version 17.6; it has the state", ""},
	} {
		note, err := surveyed(tt.found)
		wrong := ""
		if err != nil {
			wrong = err.Error() + "\nnext: " + hint.Of(err)
		}
		if note != tt.note || wrong != tt.wrong {
			t.Errorf("%+v: %q, %q; want %q, %q", tt.found, note, wrong, tt.note, tt.wrong)
		}
	}
}
