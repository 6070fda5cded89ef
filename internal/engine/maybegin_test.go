package engine

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"

	"github.com/rowtap/rowtap/internal/hint"
	"github.com/rowtap/rowtap/internal/ledger"
	"github.com/rowtap/rowtap/internal/sandbox"
)

// permit decides whether an engine may start anything.
type permit struct {
	mu     sync.Mutex
	err    error
	quiet  int  // number of calls without permission
	spells bool // the error text contains that number
}

func (p *permit) mayBegin() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.err == nil {
		return nil
	}
	if p.quiet++; p.spells {
		return fmt.Errorf("%w, asked %d times", p.err, p.quiet)
	}
	return p.err
}

func (p *permit) set(err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.err, p.quiet = err, 0
}

var errLease = &hint.Error{Err: fmt.Errorf("%w: the lease was not renewed", ledger.ErrMirrorAway), Hint: "look at PostgreSQL"}

// TestNothingBeginsWithoutLeave: without permission no poll and no upload starts, zaps and the
// notice say why, and it is logged once. With permission everything continues at once.
func TestNothingBeginsWithoutLeave(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		may := permit{spells: true}
		core, logs := observer.New(zapcore.InfoLevel)
		b := bubbleWith(t, map[string]string{"p": bubbleProfiles(), "e": bubbleEvents(), "off": disabled(bubbleWitness()), "gone": strings.Replace(bubbleWitness(), "Signups", "Gone", 1)}, func(o *Options) { o.MayBegin, o.Log = may.mayBegin, zap.New(core) })
		b.start(t)
		b.pass(2 * time.Minute)
		before := logs.FilterLevelExact(zapcore.ErrorLevel).Len()
		may.set(errLease)
		b.add(t, [2]string{"a", "1"})
		reads := b.google.requests()
		b.pass(10 * time.Minute)
		if b.google.requests() != reads || b.cleverTap.requests() != 0 {
			t.Errorf("%d reads and %d uploads without permission", b.google.requests()-reads, b.cleverTap.requests())
		}
		for name, want := range map[string]ZapState{"p": NeedsHand, "e": NeedsHand, "off": NotEnabled, "gone": NeedsHand} {
			z := b.zap(t, name)
			if z.State != want || want == NeedsHand && (!strings.HasPrefix(z.Reason, "nothing is read or sent: PostgreSQL is not available: the lease was") || z.Hint != "look at PostgreSQL") {
				t.Errorf("zap %s: %+v, want %s and the reason", name, z, want)
			}
		}
		needs := needy(t, b.Engine)
		if want := "the state on PostgreSQL postgres: nothing is read or sent: PostgreSQL is not available: the lease was not renewed"; len(needs) != 1 || !strings.HasPrefix(needs[0], want) {
			t.Errorf("needs attention: %q, want %q", needs, want)
		}
		if n := gathered(t, b.Engine)["rowtap_polls_total{result=error,zap=p}"]; n > 0 {
			t.Errorf("%v polls that did not start count as failed", n)
		}
		if _, err := b.PollNow(t.Context(), "p"); !errors.Is(err, ledger.ErrMirrorAway) {
			t.Errorf("a poll that an operator asks for: %v", err)
		}
		if lines := logs.FilterMessageSnippet("nothing is read or sent").Len(); lines != 1 || logs.FilterLevelExact(zapcore.ErrorLevel).Len() != before+1 {
			t.Errorf("%d lines log it, of %d errors; want 1: %v", lines, logs.FilterLevelExact(zapcore.ErrorLevel).Len()-before, logs.All())
		}
		may.set(nil)
		b.until(t, "everything is sent", 5*time.Second, func() bool { return b.seen(t, 1) == "1 1" && b.all(t) == "s s" })
		if needs := needy(t, b.Engine); len(needs) != 1 || !strings.HasPrefix(needs[0], "zap gone blocked: ") || logs.FilterMessage("polls and uploads resumed").Len() != 1 {
			t.Errorf("needs attention: %q; %v", needs, logs.All())
		}
	})
}

// needy returns what needs attention: subject, trouble and reason.
func needy(t *testing.T, e *Engine) []string {
	t.Helper()
	conditions, err := e.conditions(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, c := range conditions {
		if c.needs && !c.unknown {
			all = append(all, fmt.Sprintf("%s %s: %s", c.subject(), c.trouble, c.reason))
		}
	}
	return all
}

// TestTheLastLookStopsAnUpload revokes permission between the mark in the ledger and the request:
// CleverTap receives nothing, rows and account stay as they were, and the rows are sent once
// permission returns.
func TestTheLastLookStopsAnUpload(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var may permit
		b := bubbleWith(t, map[string]string{"p": bubbleProfiles(), "e": bubbleEvents()}, func(o *Options) { o.MayBegin = may.mayBegin })
		b.start(t)
		end := func() { may.set(errLease) } // during the request, before its body is read
		b.cleverTap.before = end
		b.add(t, [2]string{"a", "1"}, [2]string{"b", "2"})
		stopped := func() bool { return b.cleverTap.requests() > 0 && strings.HasSuffix(b.all(t), "qq") }
		b.until(t, "an upload begins", 2*time.Minute, stopped)
		b.pass(time.Minute)
		if n := b.cleverTap.requests(); n == 0 || n > 2 { // of one zap each
			t.Errorf("%d requests started, want one or two", n)
		}
		b.untouched(t, "qq qq")
		b.cleverTap.before = nil
		may.set(nil)
		b.until(t, "they are sent", 5*time.Second, func() bool { return b.all(t) == "ss ss" })
		if got := b.seen(t, 2); got != "11 11" {
			t.Errorf("CleverTap has %s, want each record once", got)
		}

		// Rows that were tried before keep their last outcome.
		down := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusTooManyRequests) })
		well := b.cleverTap.handler
		b.cleverTap.handler = down
		b.add(t, [2]string{"c", "3"})
		tried := func() bool {
			return strings.HasSuffix(b.states(t, "p"), "q") && b.last(t, "p").Attempts > 0 && b.last(t, "e").Attempts > 0
		}
		b.until(t, "they are tried", 2*time.Minute, tried)
		b.cleverTap.handler = well
		b.cleverTap.before = end
		before := b.cleverTap.requests()
		account := b.account(t, "production")
		was := map[string]ledger.Delivery{"p": b.last(t, "p"), "e": b.last(t, "e")}
		b.until(t, "another upload begins", 2*time.Minute, func() bool { return b.cleverTap.requests() > before })
		b.pass(2 * time.Minute)
		for name, was := range was {
			now := b.last(t, name)
			if now.InFlight || now.Attempts != was.Attempts || now.MaybeTwice || now.Problem == nil || *now.Problem != *was.Problem || !now.RetryAt.Equal(was.RetryAt) || len(now.Steps) != len(was.Steps) {
				t.Errorf("zap %s: %+v\nwas %+v", name, now, was)
			}
		}
		if now := b.account(t, "production"); now.State != "retrying" || now.Reason != account.Reason || !now.RetryAt.Equal(*account.RetryAt) {
			t.Errorf("the account is %+v, was %+v", now, account)
		}
		b.cleverTap.before = nil
		may.set(nil)
		b.until(t, "they are sent", time.Minute, func() bool { return b.all(t) == "sss sss" })
		if got := b.seen(t, 3); got != "111 111" {
			t.Errorf("CleverTap has %s, want each record once", got)
		}
	})
}

// bubbleWith is readyBubble with other options for the engine.
func bubbleWith(t *testing.T, zaps map[string]string, options func(*Options)) *bubble {
	t.Helper()
	b := readyBubble(t, "resend", zaps)
	b.again(t, options)
	return b
}

// again makes another engine from the configuration and the state file, replacing one that is not
// running.
func (b *bubble) again(t *testing.T, options func(*Options)) {
	t.Helper()
	if err := b.ledger.Close(); err != nil {
		t.Fatal(err)
	}
	b.options = options
	b.open(t)
}

// last returns the newest delivery of a zap.
func (b *bubble) last(t *testing.T, name string) ledger.Delivery {
	t.Helper()
	ds, err := b.Deliveries(t.Context(), ledger.Query{Zap: name, Limit: 1})
	if err != nil || len(ds) != 1 {
		t.Fatal(ds, err)
	}
	return ds[0]
}

// untouched checks that a stopped upload has left CleverTap, the rows and the account as they were.
func (b *bubble) untouched(t *testing.T, states string) {
	t.Helper()
	if got := b.all(t); got != states {
		t.Errorf("states %s, want %s", got, states)
	}
	for _, name := range []string{"p", "e"} {
		d := b.last(t, name)
		if d.InFlight || d.Attempts > 0 || d.MaybeTwice || d.Problem != nil || !d.RetryAt.IsZero() || len(d.Steps) > 0 {
			t.Errorf("zap %s: %+v", name, d)
		}
	}
	if a := b.account(t, "production"); a.State != "ok" {
		t.Errorf("the account is %+v", a)
	}
	if n := len(b.box.CleverTap().Records(sandbox.RecordQuery{})); n != 0 {
		t.Errorf("%d records reached CleverTap", n)
	}
}

// TestTheLastLookStopsADryRun: a dry run that was stopped is sent again.
func TestTheLastLookStopsADryRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var may permit
		b := bubbleWith(t, map[string]string{"e": bubbleEvents()}, func(o *Options) { o.MayBegin = may.mayBegin })
		b.start(t)
		well := b.cleverTap.handler
		b.cleverTap.handler = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusBadGateway) })
		b.add(t, [2]string{"a", "1"})
		b.until(t, "the event is unsure", 2*time.Minute, func() bool { return b.marked(t, "e") == "Q" && b.last(t, "e").Attempts > 0 })
		b.cleverTap.handler = well
		b.cleverTap.before = func() { may.set(errLease) }
		before := b.cleverTap.requests()
		b.until(t, "the dry run begins", 5*time.Minute, func() bool { return b.cleverTap.requests() > before })
		b.pass(time.Minute)
		if n := b.cleverTap.requests() - before; n != 1 || b.seen(t, 1) != "0 0" {
			t.Errorf("%d requests, CleverTap has %s; want one dry run that was stopped", n, b.seen(t, 1))
		}
		b.cleverTap.before = nil
		may.set(nil)
		b.until(t, "it is sent", 5*time.Minute, func() bool { return b.marked(t, "e") == "S" && b.seen(t, 1) == "0 1" })
	})
}

// TestOnceWithoutLeave: it ends with the rows still queued.
func TestOnceWithoutLeave(t *testing.T) {
	r := newRig(t, map[string]string{"e": eventZap("production")})
	r.append(t, [2]string{"a@example.com", "1"})
	r.poll(t, "e")
	r.opts.MayBegin = func() error { return errLease }
	if s := r.once(t); s.Sent != 0 || s.StillQueued != 1 || s.Blocked != 1 {
		t.Errorf("%+v, want nothing sent", s)
	}
	// Permission is revoked only at the last moment.
	asked := 0
	r.opts.MayBegin = func() error {
		if asked++; asked > 2 { // before the poll, and before the upload
			return errLease
		}
		return nil
	}
	if s := r.once(t); s.Sent != 0 || s.StillQueued != 1 || r.states(t, "e") != "q" {
		t.Errorf("%+v, states %s, want nothing sent", s, r.states(t, "e"))
	}
	r.opts.MayBegin = nil
	if s := r.once(t); s.Sent != 1 || len(r.box.CleverTap().Records(sandbox.RecordQuery{})) != 1 {
		t.Errorf("%+v, want one sent", s)
	}
}

// TestATakeoverEndsRun: an engine that another machine has replaced ends, even if it has nothing to
// write.
func TestATakeoverEndsRun(t *testing.T) {
	r := newRig(t, nil)
	gone := fmt.Errorf("%w: host-b has taken over", ledger.ErrNotActive)
	r.opts.MayBegin = func() error { return gone }
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	if err := r.Run(ctx); !errors.Is(err, ledger.ErrNotActive) || err.Error() != gone.Error() {
		t.Errorf("Run = %v, want %v", err, gone)
	}
}
