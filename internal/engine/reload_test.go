package engine

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"

	"github.com/rowtap/rowtap/internal/config"
	"github.com/rowtap/rowtap/internal/hint"
	"github.com/rowtap/rowtap/internal/plan"
	"github.com/rowtap/rowtap/internal/sandbox/lab"
	"github.com/rowtap/rowtap/internal/sheets"
)

func disabled(text string) string { return strings.Replace(text, "enabled: true", "enabled: false", 1) }

// TestWhatTakesARestart: a reload logs which settings keep their old values until a restart,
// without the values.
func TestWhatTakesARestart(t *testing.T) {
	old := config.Config{State: config.State{Path: "/a", Postgres: config.NewSecret("host=one"), Lease: "a"}, Log: config.Log{Level: "info"}}
	for _, tt := range []struct {
		change func(*config.Config)
		want   string
	}{
		{func(*config.Config) {}, ""},
		{func(c *config.Config) { c.State.History = time.Hour }, ""},
		{func(c *config.Config) { c.State.Path = "/b" }, "state.path"},
		{func(c *config.Config) { c.State.Postgres = config.NewSecret("host=two") }, "state.postgres"},
		{func(c *config.Config) { c.State.Postgres, c.State.Lease = config.Secret{}, "" }, "state.lease state.postgres"},
		{func(c *config.Config) { c.State.Lease = "b" }, "state.lease"},
		{func(c *config.Config) { c.HTTP.Listen = ":1" }, "http"},
		{func(c *config.Config) { c.Log.Level = "debug" }, "log"},
	} {
		core, logs := observer.New(zapcore.InfoLevel)
		now := old
		tt.change(&now)
		Warn(zap.New(core), &old, &now)
		var got []string
		for _, line := range logs.All() {
			fields := line.ContextMap()
			name, _ := fields["setting"].(string)
			if got = append(got, name); !strings.Contains(line.Message, "needs a restart") || strings.Contains(fmt.Sprint(line.Message, fields), "two") {
				t.Errorf("logged %q, %v", line.Message, fields)
			}
		}
		slices.Sort(got)
		if strings.Join(got, " ") != tt.want {
			t.Errorf("a restart is needed for %q, want %q", got, tt.want)
		}
	}
}

// TestReloadsAreSerialised: each reload reads the files only once the previous one is in force, so
// that the files read last win.
func TestReloadsAreSerialised(t *testing.T) {
	r := newRig(t, map[string]string{"b": eventZap("production")})
	load, last := r.opts.Load, r.current()
	const reloads = 20
	var begun atomic.Int32
	var reading atomic.Bool
	var mu sync.Mutex
	r.opts.Load = func() (*plan.Plan, error) {
		overlaps := !reading.CompareAndSwap(false, true)
		defer reading.Store(false)
		mu.Lock()
		before := last
		mu.Unlock()
		if overlaps || r.current() != before {
			t.Error("the files are read before an earlier reload is in force")
		}
		plan, err := load()
		for begun.Load() < reloads {
			runtime.Gosched() // let the others run
		}
		mu.Lock()
		last = plan
		mu.Unlock()
		return plan, err
	}
	var all sync.WaitGroup
	for range reloads {
		all.Go(func() {
			begun.Add(1)
			if err := r.Reload(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
}

// TestRenameKeepsANewerReload: a reload during a rename that waits for a poll stays in force.
func TestRenameKeepsANewerReload(t *testing.T) {
	r := newRig(t, map[string]string{"old": eventZap("production"), "b": eventZap("production"), "gone": "redact: [Email]\n" + eventZap("production")})
	r.append(t, [2]string{"a@example.com", "1"})
	r.poll(t, "old")
	r.poll(t, "gone")
	for from, to := range map[string]string{"old": "new", "gone": ""} {
		path := filepath.Join(r.dir, "zaps", from+".yaml")
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
		if to != "" {
			if err := os.WriteFile(filepath.Join(r.dir, "zaps", to+".yaml"), []byte(eventZap("production")), 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	if !r.claims.TryPoll("old") { // a poll is in progress
		t.Fatal("old is polled already")
	}
	load, loaded := r.opts.Load, make(chan struct{})
	var once sync.Once
	r.opts.Load = func() (*plan.Plan, error) {
		defer once.Do(func() { close(loaded) })
		return load()
	}
	renamed := make(chan error, 1)
	go func() { renamed <- r.Rename(t.Context(), "old", "new") }()
	<-loaded
	r.write(t, "b", disabled(eventZap("production")))
	r.claims.EndPoll("old")
	if err := <-renamed; err != nil {
		t.Fatal(err)
	}
	if r.current().Recipe("b").Enabled {
		t.Error("zap b is enabled again: the rename put in force the files that it read before the reload")
	}
	if got := r.states(t, "new"); got != "q" {
		t.Errorf("states of the renamed zap %q, want q", got)
	}
	if h := r.secrecyOf(t.Context(), "gone"); !h.Known || len(h.Columns) != 1 {
		t.Errorf("the zap that was removed at the same time hides %+v", h)
	}
}

// TestRenameRefusedAtOnce: a rename with an unsuitable configuration fails without waiting.
func TestRenameRefusedAtOnce(t *testing.T) {
	r := newRig(t, map[string]string{"old": eventZap("production")})
	r.poll(t, "old")
	if !r.claims.TryPoll("old") {
		t.Fatal("old is polled already")
	}
	defer r.claims.EndPoll("old")
	if err := r.Rename(t.Context(), "old", "new"); err == nil || !strings.Contains(hint.Of(err), "rename the file") {
		t.Errorf("got %v", err)
	}
}

// TestReloadBindsAPollThatWaits: a reload or a pause while a poll waits for quota applies to that
// poll.
func TestReloadBindsAPollThatWaits(t *testing.T) {
	tests := []struct {
		name   string
		change func(t *testing.T, b *bubble, p *plan.Plan)
		err    error
		states string
	}{
		{"nothing", func(*testing.T, *bubble, *plan.Plan) {}, nil, "sss"},
		{"the worksheet's settings", func(t *testing.T, b *bubble, p *plan.Plan) {
			edit(p, "e", func(r *plan.Recipe) { r.Trigger.MaxNewRows = 1 })
			b.swap(t.Context(), p)
		}, nil, "shh"},
		{"disabled", func(t *testing.T, b *bubble, p *plan.Plan) {
			edit(p, "e", func(r *plan.Recipe) { r.Enabled = false })
			b.swap(t.Context(), p)
		}, ErrDisabled, "s"},
		{"paused", func(t *testing.T, b *bubble, _ *plan.Plan) {
			if err := b.Pause(t.Context(), "e", ""); err != nil {
				t.Fatal(err)
			}
		}, ErrPaused, "s"},
		{"taken out", func(t *testing.T, b *bubble, p *plan.Plan) {
			p.Recipes = nil
			b.swap(t.Context(), p)
		}, ErrNoZap, "s"},
		{"another spreadsheet", func(t *testing.T, b *bubble, p *plan.Plan) {
			edit(p, "e", func(r *plan.Recipe) { r.Trigger.SpreadsheetID = "none" })
			b.swap(t.Context(), p)
		}, nil, "s"},
	}
	for _, tt := range tests {
		synctest.Test(t, func(t *testing.T) {
			b := newBubble(t, "resend", map[string]string{"e": bubbleEvents()})
			b.add(t, [2]string{"a", "1"})
			b.until(t, "the row is sent", prompt, func() bool { return b.states(t, "e") == "s" })
			google, err := b.current().Google["marketing"].Open()
			if err != nil {
				t.Fatal(err)
			}
			b.add(t, [2]string{"b", "2"}, [2]string{"c", "3"})
			wait := lab.Fault{API: "sheets", Status: 429, Headers: map[string]string{"Retry-After": "20"}, Times: 1}
			if err := b.box.Fault(wait); err != nil {
				t.Fatal(err)
			}
			read := make(chan error, 1)
			go func() {
				_, err := google.Spreadsheet(t.Context(), "book", sheets.Bulk)
				read <- err
			}()
			synctest.Wait() // Google has requested a wait
			polled := make(chan error, 1)
			go func() {
				_, err := b.Poll(t.Context(), "e")
				polled <- err
			}()
			synctest.Wait()
			plan := *b.current()
			tt.change(t, b, &plan)
			err = <-polled
			if tt.name == "another spreadsheet" {
				if err == nil || !strings.Contains(err.Error(), "spreadsheet none") {
					t.Errorf("%s: %v, want an error about the new spreadsheet", tt.name, err)
				}
			} else if !errors.Is(err, tt.err) {
				t.Errorf("%s: %v, want %v", tt.name, err, tt.err)
			}
			if got := strings.ReplaceAll(b.states(t, "e"), "q", "s"); got != tt.states {
				t.Errorf("%s: states %s, want %s", tt.name, got, tt.states)
			}
			if err := <-read; err != nil {
				t.Error(err)
			}
		})
	}
}

// edit replaces a recipe of a plan with a modified copy.
func edit(p *plan.Plan, name string, change func(*plan.Recipe)) {
	recipes := make([]*plan.Recipe, len(p.Recipes))
	for i, r := range p.Recipes {
		recipes[i] = r
		if r.Name == name {
			zap := *r.Zap
			recipes[i] = &plan.Recipe{Zap: &zap, Mapping: r.Mapping}
			change(recipes[i])
		}
	}
	p.Recipes = recipes
}
