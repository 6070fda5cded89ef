package engine

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"

	"github.com/rowtap/rowtap/internal/config"
	"github.com/rowtap/rowtap/internal/plan"
)

var twoMistakes = config.Diagnostics{
	{Pos: config.Pos{File: "zaps/a.yaml", Line: 3, Column: 1}, Message: "shedule: is not a known key", Suggestion: `did you mean "schedule"?`, Source: "shedule: x"},
	{Pos: config.Pos{File: "zaps/b.yaml"}, Message: "is empty"},
}

// TestRefused: while the configuration files are refused, status, readiness and the webhook say so,
// since when and with all mistakes.
func TestRefused(t *testing.T) {
	h := newHooked(t, map[string]string{"profiles": profileZap("production")})
	core, logs := observer.New(zapcore.ErrorLevel)
	h.log = zap.New(core)
	load := h.opts.Load
	var loaded []bool // whether the files were refused, at the end of each reload
	h.opts.Loaded = func() { loaded = append(loaded, h.Refused() != nil) }
	h.once(t)
	h.looks(t, time.Minute)
	h.toldNow(t)

	h.opts.Load = func() (*plan.Plan, error) { return nil, twoMistakes }
	first := h.now()
	if err := h.Reload(t.Context()); err == nil {
		t.Fatal("the files are not refused")
	}
	h.looks(t, time.Hour)
	h.toldNow(t, "attention refused")
	if err := h.Reload(t.Context()); err == nil { // the first refusal counts
		t.Fatal("the files are not refused")
	}
	st, err := h.Status(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	want := []string{`zaps/a.yaml:3:1: shedule: is not a known key; did you mean "schedule"?`, "zaps/b.yaml: is empty"}
	if r := st.Refused; r == nil || !slices.Equal(r.Mistakes, want) || r.At.Sub(first) > time.Minute || r.Hint == "" {
		t.Errorf("status has %+v", r)
	}
	if !st.Zaps[0].ConfigurationRefused {
		t.Error("the zap's status does not say that the configuration is refused")
	}
	if degraded, err := h.Degraded(t.Context()); err != nil || !slices.Equal(degraded, []string{"configuration refused"}) {
		t.Errorf("degraded: %q, %v", degraded, err)
	}
	line := logs.All()[0]
	if got, ok := line.ContextMap()["mistakes"].([]any); !ok || len(got) != 2 || strings.Contains(line.Message, "\n") {
		t.Errorf("logged %q, %v", line.Message, line.ContextMap())
	}

	h.opts.Load = load
	if err := h.Reload(t.Context()); err != nil {
		t.Fatal(err)
	}
	h.looks(t, time.Minute)
	h.toldNow(t, "recovered refused")
	if st, err := h.Status(t.Context()); err != nil || st.Refused != nil || st.Zaps[0].ConfigurationRefused {
		t.Errorf("status still has %+v, %v", st.Refused, err)
	}
	if degraded, err := h.Degraded(t.Context()); err != nil || len(degraded) != 0 {
		t.Errorf("degraded: %q, %v", degraded, err)
	}
	if want := []bool{true, true, false}; !slices.Equal(loaded, want) {
		t.Errorf("Loaded was called with %v, want %v", loaded, want)
	}
}

// TestRefusalTakesTheNextStep: the next step of an error is the hint, not part of its one line.
func TestRefusalTakesTheNextStep(t *testing.T) {
	r := NewRefusal(errors.New("configuration directory x:\nfile does not exist\nnext: name the directory"), time.Now())
	if r.Summary() != "configuration directory x: file does not exist" || r.Hint != "name the directory" {
		t.Errorf("%+v", r)
	}
}

// TestRefusedBefore: an engine that starts while the files are refused knows it.
func TestRefusedBefore(t *testing.T) {
	r := newRig(t, map[string]string{"profiles": profileZap("production")})
	o := r.opts
	o.Refused = NewRefusal(twoMistakes, time.Now())
	e, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	if e.Refused() != o.Refused {
		t.Errorf("refused: %+v", e.Refused())
	}
}

func TestRefusedMessage(t *testing.T) {
	n := RefusedMessage(NewRefusal(twoMistakes, time.Now()), time.Now()).Body.(Notice)
	const want = "rowtap: the configuration needs attention: it is refused, nothing is polled or sent: 2 mistakes, the first: zaps/a.yaml:3:1: shedule: is not a known key; "
	if !strings.HasPrefix(n.Text, want) || n.Kind != "attention" || n.Next == "" {
		t.Errorf("%+v, want %s…", n, want)
	}
	if n := RefusedMessage(nil, time.Now()).Body.(Notice); n.Kind != "recovered" || n.Text != "rowtap: the configuration is valid again and in force" {
		t.Errorf("%+v", n)
	}
}

// TestRefusedTestCase: the cells of a test case may be those of a sheet.
func TestRefusedTestCase(t *testing.T) {
	for _, message := range []string{
		"tests[1].row.Phone: the number 4477009001234567890 has more digits than a sheet keeps",
		"tests[1].row.Phone 4477009001234567890: must be a cell",
	} {
		refusal := NewRefusal(config.Diagnostics{{
			Pos: config.Pos{File: "my zaps/a.yaml", Line: 9, Column: 5}, Message: message, Suggestion: "quote it",
		}}, time.Now())
		m := RefusedMessage(refusal, time.Now())
		if want := "my zaps/a.yaml:9:5: tests[1]: has a mistake"; !strings.Contains(m.Text, want) || strings.Contains(fmt.Sprint(m), "44770") {
			t.Errorf("%+v, want %s", m, want)
		}
		if !strings.Contains(refusal.Summary(), "44770") {
			t.Error("the command line no longer says what is wrong")
		}
	}
}
