package deliver

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/rowtap/rowtap/internal/clevertap"
	"github.com/rowtap/rowtap/internal/config"
	"github.com/rowtap/rowtap/internal/ledger"
	"github.com/rowtap/rowtap/internal/plan"
)

// fate is an outcome without its texts.
type fate struct {
	State       ledger.State
	Twice, Solo bool
	Later       bool
	Code        string
}

func fates(out []ledger.Outcome) []fate {
	fs := make([]fate, len(out))
	for i, o := range out {
		fs[i] = fate{State: o.State, Twice: o.MaybeTwice, Solo: o.Solo, Later: !o.RetryAt.IsZero()}
		if o.Problem != nil {
			fs[i].Code = o.Problem.Code
		}
	}
	return fs
}

func uploadOf(n int, repeatable bool, onUnknown config.OnUnknown) *upload {
	account := &config.CleverTapAccount{Name: "a", OnUnknown: onUnknown}
	z := &config.Zap{Name: "z", Actions: []config.Action{{Account: account}}}
	u := &upload{account: &accountSender{config: account}, queue: &queue{recipe: &plan.Recipe{Zap: z}}}
	for i := range n {
		u.items = append(u.items, item{number: uint64(i + 1), record: clevertap.Record{ID: "x", Repeatable: repeatable}})
	}
	return u
}

func TestOutcomesOf(t *testing.T) {
	refused := clevertap.Refusal{Code: 515, Message: "Email is not valid"}
	tests := []struct {
		name       string
		verdict    clevertap.Verdict
		refusal    clevertap.Refusal
		repeatable bool
		policy     config.OnUnknown
		want       fate
	}{
		{"accepted", clevertap.Accepted, clevertap.Refusal{}, true, config.Resend, fate{State: ledger.Sent}},
		{"refused", clevertap.Refused, refused, true, config.Resend, fate{State: ledger.Failed, Code: "515"}},
		{"CleverTap's own fault", clevertap.Again, clevertap.Refusal{Code: 555}, false, config.Resend, fate{State: ledger.Queued, Later: true, Code: "555"}},
		{"one refused but not which, none arrived", clevertap.Alone, clevertap.Refusal{}, false, config.Hold, fate{State: ledger.Queued, Solo: true}},
		{"a profile that may have arrived", clevertap.Unknown, clevertap.Refusal{}, true, config.Hold, fate{State: ledger.Queued, Solo: true, Later: true}},
		{"an event that may have arrived", clevertap.Unknown, clevertap.Refusal{}, false, config.Resend, fate{State: ledger.Queued, Twice: true, Solo: true, Later: true}},
		{"an event that may have arrived, held", clevertap.Unknown, clevertap.Refusal{}, false, config.Hold, fate{State: ledger.Held, Twice: true, Solo: true, Later: true}},
	}
	for _, tt := range tests {
		u := uploadOf(1, tt.repeatable, tt.policy)
		u.response = clevertap.Response{HTTPStatus: 200, Results: []clevertap.Result{{Verdict: tt.verdict, Refusal: tt.refusal}}}
		if diff := cmp.Diff([]fate{tt.want}, fates(outcomesOf(u, time.Now()))); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.name, diff)
		}
	}
}

func TestFailed(t *testing.T) {
	tests := []struct {
		name       string
		kind       clevertap.Kind
		status     int
		rows       int
		repeatable bool
		policy     config.OnUnknown
		want       fate // of each row
	}{
		{"not sent", clevertap.Unsent, 0, 2, false, config.Hold, fate{State: ledger.Queued}},
		{"no response, profile", clevertap.NoResponse, 0, 2, true, config.Hold, fate{State: ledger.Queued}},
		{"no response, event", clevertap.NoResponse, 0, 2, false, config.Resend, fate{State: ledger.Queued, Twice: true}},
		{"no response, event held", clevertap.NoResponse, 0, 2, false, config.Hold, fate{State: ledger.Held, Twice: true}},
		{"too many at once", clevertap.Busy, 429, 2, false, config.Hold, fate{State: ledger.Queued, Code: "429"}},
		{"server, profile", clevertap.Server, 503, 2, true, config.Hold, fate{State: ledger.Queued, Code: "503"}},
		{"server, event", clevertap.Server, 503, 2, false, config.Resend, fate{State: ledger.Queued, Twice: true, Code: "503"}},
		{"server, event held", clevertap.Server, 500, 1, false, config.Hold, fate{State: ledger.Held, Twice: true, Code: "500"}},
		{"credentials", clevertap.Credentials, 401, 1, false, config.Hold, fate{State: ledger.Queued, Code: "401"}},
		{"endpoint", clevertap.Closed, 403, 1, false, config.Hold, fate{State: ledger.Queued, Code: "403"}},
		{"body refused, several records", clevertap.RefusedBody, 400, 2, false, config.Hold, fate{State: ledger.Queued, Code: "400"}},
		{"body refused, one record", clevertap.RefusedBody, 400, 1, false, config.Hold, fate{State: ledger.Failed, Code: "400"}},
		{"too large, one record", clevertap.TooLarge, 413, 1, true, config.Hold, fate{State: ledger.Failed, Code: "413"}},
	}
	for _, tt := range tests {
		u := uploadOf(tt.rows, tt.repeatable, tt.policy)
		got := fates(failed(u, &clevertap.Error{Kind: tt.kind, HTTPStatus: tt.status, Message: "m"}, time.Now()))
		for _, f := range got {
			if diff := cmp.Diff(tt.want, f); diff != "" {
				t.Errorf("%s (-want +got):\n%s", tt.name, diff)
			}
		}
	}
}

func TestBreaker(t *testing.T) {
	now := time.Date(2026, 11, 24, 10, 0, 0, 0, time.UTC)
	var b breaker
	if !b.allows(now) {
		t.Fatal("the zero value allows no uploads")
	}
	b.fail(now, &clevertap.Error{Kind: clevertap.Server}, 1, 3)
	if b.allows(now) || b.shut || b.until.Sub(now) > time.Second {
		t.Errorf("after one server error: %+v, want a wait of at most a second, and no operator needed", b)
	}
	if b.fail(now, &clevertap.Error{Kind: clevertap.Server}, 3, 3); b.failures != 1 {
		t.Errorf("after two uploads in flight together: %d failures, want 1", b.failures)
	}
	b.fail(now, &clevertap.Error{Kind: clevertap.Busy, RetryAfter: 40 * time.Second}, 4, 5)
	if got := b.until.Sub(now); got != 40*time.Second || b.failures != 2 {
		t.Errorf("Retry-After 40 s: waits %s, %d failures", got, b.failures)
	}
	if b.pass(5); b.allows(now) {
		t.Error("an upload that was in flight when CleverTap asked for 40 s ends the wait")
	}
	b.fail(now, &clevertap.Error{Kind: clevertap.Credentials}, 6, 6)
	if !b.shut || b.until.Sub(now) < 7*time.Second {
		t.Errorf("after 401: %+v, want shut, with a longer wait", b)
	}
	if b.pass(7); !b.allows(now) || b.err != nil {
		t.Errorf("after a processed upload: %+v, want uploads allowed", b)
	}
}

// TestBreakerUnsure: after an upload that may have arrived, a dry run allows one upload.
func TestBreakerUnsure(t *testing.T) {
	now := time.Date(2026, 11, 24, 10, 0, 0, 0, time.UTC)
	var b breaker
	b.fail(now, &clevertap.Error{Kind: clevertap.NoResponse}, 1, 1)
	b.fail(now, &clevertap.Error{Kind: clevertap.Unsent}, 2, 2)
	if !b.unsure {
		t.Error("a refused connection clears the doubt about the upload before it")
	}
	b.probed()
	if b.unsure || !b.allows(now) || b.failures != 2 {
		t.Errorf("after a response to a dry run: %+v, want an upload allowed and the failures kept", b)
	}
}

func TestBackoff(t *testing.T) {
	for n := -1; n < 80; n++ {
		got := backoff(n, time.Second, time.Minute)
		if got <= 0 || got > time.Minute {
			t.Errorf("backoff(%d) = %s", n, got)
		}
	}
	if got := backoff(100, time.Second, time.Minute); got < 45*time.Second {
		t.Errorf("backoff(100) = %s, want about a minute", got)
	}
}
