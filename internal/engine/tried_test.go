package engine

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.uber.org/zap"

	"github.com/rowtap/rowtap/internal/ledger"
	"github.com/rowtap/rowtap/internal/plan"
	"github.com/rowtap/rowtap/internal/sandbox"
	"github.com/rowtap/rowtap/internal/sandbox/lab"
)

// triedZap is a zap of events with the given properties; more is added to its file.
func triedZap(properties, more string) string {
	return strings.Replace(eventZap("production"), `{Score: "{{Score}}"}`, properties, 1) + more
}

// wantRecords compares the evtData of a delivery's record as last uploaded and as mapped now. In
// place of the former, a note may be wanted; of the latter, a problem.
func (r *rig) wantRecords(t *testing.T, name string, n uint64, tried, now string) {
	t.Helper()
	_, m, found, err := r.Delivery(t.Context(), name, n)
	if err != nil || !found {
		t.Fatalf("Delivery(%s, %d): %t, %v", name, n, found, err)
	}
	if tried == "" {
		if m.Tried.Record != nil || m.Tried.Note != "" {
			t.Errorf("%s/%d was tried as %s (%s), want neither", name, n, m.Tried.Record, m.Tried.Note)
		}
	} else if !strings.Contains(string(m.Tried.Record), `"evtData":`+tried) && (m.Tried.Record != nil || !strings.Contains(m.Tried.Note, tried)) {
		t.Errorf("%s/%d was tried as %s (%s), want %s", name, n, m.Tried.Record, m.Tried.Note, tried)
	}
	if m.Tried.Record != nil && m.Tried.Note != "" {
		t.Errorf("%s/%d has a record that was tried and a note why there is none: %s", name, n, m.Tried.Note)
	}
	if !strings.Contains(string(m.Record), `"evtData":`+now) && (m.Problem == nil || !strings.Contains(m.Problem.Message, now)) {
		t.Errorf("%s/%d is now %s (%+v), want %s", name, n, m.Record, m.Problem, now)
	}
}

// TestTheRecordAsItWasTried sends rows with one mapping and shows them with others.
func TestTheRecordAsItWasTried(t *testing.T) {
	then := triedZap(`{Score: "{{Score}}"}`, "")
	r := newRig(t, map[string]string{"z": then})
	r.append(t, [2]string{"a", "1"}, [2]string{"b", "2"}, [2]string{"", "3"})
	r.box.CleverTap().Refuse(lab.Refusal{Identity: "b", Code: 515, Times: 1})
	r.once(t)
	if got := r.states(t, "z"); got != "sfw" {
		t.Fatalf("states %s, want sfw", got)
	}
	r.wantRecords(t, "z", 1, `{"Score":1}`, `{"Score":1}`)
	r.wantRecords(t, "z", 2, `{"Score":2}`, `{"Score":2}`)
	r.wantRecords(t, "z", 3, "", "")

	r.write(t, "z", triedZap(`{Points: "{{Score * 10}}"}`, ""))
	r.append(t, [2]string{"d", "4"})
	r.poll(t, "z")
	r.once(t)
	r.wantRecords(t, "z", 1, `{"Score":1}`, `{"Points":10}`)
	r.wantRecords(t, "z", 2, `{"Score":2}`, `{"Points":20}`)
	r.wantRecords(t, "z", 4, `{"Points":40}`, `{"Points":40}`)

	r.write(t, "z", triedZap(`{Points: "{{Score * 10}}"}`, "redact: [Score]\n"))
	r.wantRecords(t, "z", 1, `{"Score":"[redacted]"}`, `{"Points":"[redacted]"}`)
	r.wantRecords(t, "z", 4, `{"Points":"[redacted]"}`, `{"Points":"[redacted]"}`)

	r.write(t, "z", triedZap(`{Points: "{{Gone}}"}`, ""))
	r.wantRecords(t, "z", 1, `{"Score":1}`, "Gone")
	r.write(t, "z", triedZap(`{Score: "{{Score}}"}`, "filter: Score > 9\n"))
	if _, now, _, _ := r.Delivery(t.Context(), "z", 1); !now.Skipped || !strings.Contains(string(now.Tried.Record), `{"Score":1}`) {
		t.Errorf("z/1, which the filter now drops: %+v", now)
	}

	r.write(t, "z", "")
	r.wantRecords(t, "z", 1, `{"Score":1}`, "no longer in the configuration")
}

// TestWhatIsRedactedIsNotInTheRecord shows records with other redact lists than they were sent
// with, and with other headers.
func TestWhatIsRedactedIsNotInTheRecord(t *testing.T) {
	both := `{Score: "{{Score}}", Who: "{{Email}}", Source: web}`
	r := newRig(t, map[string]string{"z": triedZap(both, "redact: [Score]\n")})
	r.append(t, [2]string{"a", "1"})
	r.once(t)
	want := `{"Score":"[redacted]","Who":"a","Source":"web"}`
	r.wantRecords(t, "z", 1, want, want)
	r.write(t, "z", triedZap(both, "")) // what was hidden stays hidden
	r.wantRecords(t, "z", 1, want, `{"Score":1,"Who":"a","Source":"web"}`)
	r.append(t, [2]string{"b", "2"})
	r.poll(t, "z")
	r.once(t)
	r.wantRecords(t, "z", 2, `{"Score":2,"Who":"b","Source":"web"}`, `{"Score":2,"Who":"b","Source":"web"}`)
	r.write(t, "z", triedZap(both, "redact: [Email]\n"))
	r.wantRecords(t, "z", 1, `{"Score":"[redacted]","Who":"[redacted]","Source":"web"}`, `{"Score":1,"Who":"[redacted]","Source":"web"}`)
	r.wantRecords(t, "z", 2, `{"Score":2,"Who":"[redacted]","Source":"web"}`, `{"Score":2,"Who":"[redacted]","Source":"web"}`)
	if _, m, _, _ := r.Delivery(t.Context(), "z", 2); !strings.Contains(string(m.Tried.Record), `"identity":"[redacted]"`) {
		t.Errorf("its identity is shown: %s", m.Tried.Record)
	}

	// A column that had another name then may be any of them.
	r.write(t, "z", triedZap(both, "redact: [Points]\n"))
	r.wantRecords(t, "z", 2, `{"Score":"[redacted]","Who":"[redacted]","Source":"web"}`, `{"Score":2,"Who":"b","Source":"web"}`)
	r.write(t, "z", triedZap(both, "redact: [Score]\n"))
	r.write(t, "z", "") // the last list outlives the zap
	r.wantRecords(t, "z", 2, `{"Score":"[redacted]","Who":"b","Source":"web"}`, "no longer in the configuration")
	if err := r.ledger.KeepHides(t.Context(), map[string]ledger.Hides{"z": {}}); err != nil { // as before lists were stored
		t.Fatal(err)
	}
	r.removed.Clear()
	r.wantRecords(t, "z", 2, `{"Score":"[redacted]","Who":"[redacted]","Source":"web"}`, "no longer in the configuration")
}

// TestTheLastRecordThatWasTried replays a refused row with a mapping that fails, and with one that
// does not.
func TestTheLastRecordThatWasTried(t *testing.T) {
	r := newRig(t, map[string]string{"z": triedZap(`{Score: "{{Score}}"}`, "")})
	r.append(t, [2]string{"a", "x"})
	r.box.CleverTap().Refuse(lab.Refusal{Identity: "a", Code: 515, Times: 1})
	r.once(t)
	replay := func(properties string) {
		t.Helper()
		r.write(t, "z", triedZap(properties, ""))
		if done, err := r.Act(t.Context(), Replay, Selection{Zap: "z"}); err != nil || done.Count != 1 {
			t.Fatalf("Replay = %+v, %v", done, err)
		}
		r.once(t)
	}
	replay(`{Score: {value: "{{Score}}", type: number}}`)
	if d, _, _, _ := r.Delivery(t.Context(), "z", 1); d.State != ledger.Failed || d.Problem.Column != "Score" {
		t.Fatalf("z/1 is %s: %+v; want it failed by its mapping", d.State, d.Problem)
	}
	r.wantRecords(t, "z", 1, `{"Score":"x"}`, "number")
	replay(`{Text: "{{Score}}"}`)
	r.write(t, "z", triedZap(`{}`, ""))
	r.wantRecords(t, "z", 1, `{"Text":"x"}`, `{}`)
}

// TestARecordHasTheVariablesOfThen reloads an unchanged file with another value of a variable.
func TestARecordHasTheVariablesOfThen(t *testing.T) {
	t.Setenv("ROWTAP_VAR_SOURCE", "spring")
	r := newRig(t, map[string]string{"z": triedZap(`{Source: "${ROWTAP_VAR_SOURCE}"}`, "")})
	r.append(t, [2]string{"a", "1"})
	r.once(t)
	t.Setenv("ROWTAP_VAR_SOURCE", "summer")
	if err := r.Reload(t.Context()); err != nil {
		t.Fatal(err)
	}
	r.wantRecords(t, "z", 1, `{"Source":"spring"}`, `{"Source":"summer"}`)
}

// TestARecordOutlivesItsAccountNameAndDaemon renames zap and account, and restarts from the file.
func TestARecordOutlivesItsAccountNameAndDaemon(t *testing.T) {
	r := newRig(t, map[string]string{"z": "shadow: true\n" + triedZap(`{Score: "{{Score}}"}`, "")})
	r.append(t, [2]string{"a", "1"})
	r.once(t)

	settings := filepath.Join(r.dir, "rowtap.yaml")
	text, err := os.ReadFile(settings)
	if err != nil {
		t.Fatal(err)
	}
	for path, content := range map[string]string{
		settings:                                 strings.NewReplacer("production:", "live:", "marketing:", "sheets:").Replace(string(text)),
		filepath.Join(r.dir, "zaps", "new.yaml"): strings.NewReplacer("production", "live", "marketing", "sheets").Replace(triedZap(`{Points: "{{Score}}"}`, "")),
	} {
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Remove(filepath.Join(r.dir, "zaps", "z.yaml")); err != nil {
		t.Fatal(err)
	}
	if err := r.Rename(t.Context(), "z", "new"); err != nil {
		t.Fatal(err)
	}
	r.wantRecords(t, "new", 1, `{"Score":1}`, `{"Points":1}`)

	path := filepath.Join(t.TempDir(), "again.db")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := r.ledger.Backup(t.Context(), f); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	l, err := ledger.Open(ledger.Options{Path: path})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	}()
	r.Engine, err = New(Options{Plan: r.current(), Ledger: l, Log: zap.NewNop(), Version: "test", Load: r.opts.Load})
	if err != nil {
		t.Fatal(err)
	}
	r.wantRecords(t, "new", 1, `{"Score":1}`, `{"Points":1}`)
	r.append(t, [2]string{"b", "2"})
	r.once(t)
	r.wantRecords(t, "new", 2, `{"Points":2}`, `{"Points":2}`)
	r.wantRecords(t, "new", 1, `{"Score":1}`, `{"Points":1}`)
}

// TestTheRecordOfARowThatWasEdited follows a refused row that is edited, and rows sent by an older
// version of rowtap.
func TestTheRecordOfARowThatWasEdited(t *testing.T) {
	r := newRig(t, map[string]string{"z": triedZap(`{Score: "{{Score}}"}`, "")})
	r.append(t, [2]string{"a", "1"}, [2]string{"b", "2"})
	r.box.CleverTap().Refuse(lab.Refusal{Identity: "b", Code: 515, Times: 1})
	r.once(t)
	if err := r.box.Sheets().Set("book", "Signups", 3, 2, sandbox.Number(7)); err != nil {
		t.Fatal(err)
	}
	r.poll(t, "z")
	r.wantRecords(t, "z", 2, `{"Score":2}`, `{"Score":7}`)

	r.append(t, [2]string{"c", "3"}, [2]string{"d", "4"})
	r.poll(t, "z")
	out := []ledger.Outcome{{Number: 3, State: ledger.Sent}, {Number: 4, State: ledger.Failed, CountAttempt: true}}
	if err := r.ledger.Finish(t.Context(), "z", out, r.now()); err != nil {
		t.Fatal(err)
	}
	r.wantRecords(t, "z", 3, "not kept", `{"Score":3}`)
	r.wantRecords(t, "z", 4, "not kept", `{"Score":4}`)
}

// TestARecordUnderWay has the daemon end before the response arrives.
func TestARecordUnderWay(t *testing.T) {
	r := newRig(t, map[string]string{"z": triedZap(`{Score: "{{Score}}"}`, "")})
	settings := filepath.Join(r.dir, "rowtap.yaml")
	text, err := os.ReadFile(settings)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(settings, []byte(strings.Replace(string(text), "production: {", "production: {on_unknown: hold, ", 1)), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := r.Reload(t.Context()); err != nil {
		t.Fatal(err)
	}
	r.append(t, [2]string{"a", "1"})
	r.poll(t, "z")
	r.wantRecords(t, "z", 1, "", `{"Score":1}`)
	ds, err := r.ledger.Queued(t.Context(), "z", 1, 0)
	if err != nil {
		t.Fatal(err)
	}
	z := r.current().Recipe("z")
	var b plan.Binder
	bound, err := b.Bind(z, ds[0])
	if err != nil {
		t.Fatal(err)
	}
	record, _, err := bound.Record(0, ds[0].Row, plan.MappingContext(ds[0]))
	if err != nil {
		t.Fatal(err)
	}
	if err := r.ledger.Start(t.Context(), "z", []ledger.Upload{{b.Sending(ds[0], record)}}, z.Hides(), r.now()); err != nil {
		t.Fatal(err)
	}
	r.wantRecords(t, "z", 1, `{"Score":1}`, `{"Score":1}`)
	r.once(t)
	if got := r.states(t, "z"); got != "h" {
		t.Fatalf("states %s, want h", got)
	}
	r.wantRecords(t, "z", 1, `{"Score":1}`, `{"Score":1}`)
}
