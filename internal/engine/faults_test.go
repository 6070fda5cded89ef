package engine

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rowtap/rowtap/internal/sandbox/lab"
)

// bySelf bounds the recovery after a CleverTap fault ends: the longest pause between two attempts
// for an account that CleverTap refuses, and some slack.
const bySelf = 5*time.Minute + 30*time.Second

// TestFaultsOfCleverTap has CleverTap break for ten minutes, with two rows at the beginning and a
// third, of the first row's user, five minutes later. Zap p sends profiles and zap e events of the
// same rows. The rows of another account are sent without delay.
//
// States have a letter per row, of p and of e, as in rig.states: q s f h, a capital for 'maybe
// twice'. Seen is how often CleverTap accepted the record of each row.
func TestFaultsOfCleverTap(t *testing.T) {
	body := func(body string) lab.Fault { return lab.Fault{Status: 200, Body: body} }
	worked := func(status int, body string) lab.Fault {
		return lab.Fault{Status: status, Body: body, Works: true}
	}
	const page = "<html><body>Bad gateway</body></html>"
	tests := []struct {
		name      string
		fault     lab.Fault    // zero value: connections are refused, or refusal applies
		refusal   *lab.Refusal // of records
		onUnknown string
		account   string // its state during the fault
		reason    string // in the reasons of the account and the zaps
		hint      string // in their hints
		during    string
		after     string
		seen      string
	}{
		{"connection refused", lab.Fault{}, nil, "resend", "retrying", "connection refused", "network", "qqq qqq", "sss sss", "111 111"},
		{"reset before the work", lab.Fault{Reset: "before"}, nil, "resend", "retrying", "reset by peer", "", "qqq QQq", "sss SSs", "111 111"},
		{"reset after the work", lab.Fault{Reset: "after"}, nil, "resend", "retrying", "reset by peer", "", "qqq QQq", "sss SSs", "++1 221"},
		{"reset after the work, held", lab.Fault{Reset: "after"}, nil, "hold", "retrying", "reset by peer", "", "qqq HHq", "sss HHs", "++1 111"},
		{"stall before the work", lab.Fault{Reset: "before", Delay: "1h"}, nil, "resend", "retrying", "no response in time", "", "qqq QQq", "sss SSs", "111 111"},
		{"stall after the work", lab.Fault{Delay: "1h"}, nil, "resend", "retrying", "no response in time", "", "qqq QQq", "sss SSs", "++1 221"},
		{"response cut", lab.Fault{Cut: 20}, nil, "resend", "retrying", "was cut off after 20 bytes", "", "qqq QQq", "sss SSs", "++1 221"},
		{"a web page, not taken", body(page), nil, "resend", "retrying", "web page", "proxy", "qqq QQq", "sss SSs", "111 111"},
		{"a web page, taken", worked(200, page), nil, "resend", "retrying", "web page", "proxy", "qqq QQq", "sss SSs", "++1 221"},
		{"400 to all", lab.Fault{Status: 400}, nil, "resend", "blocked", "Bad Request", "replay", "fqq ffq", "fss ffs", "011 001"},
		{"401", lab.Fault{Status: 401}, nil, "resend", "blocked", "Unauthorized", "region", "qqq qqq", "sss sss", "111 111"},
		{"403", lab.Fault{Status: 403}, nil, "resend", "blocked", "Forbidden", "endpoint", "qqq qqq", "sss sss", "111 111"},
		{"413 to all", lab.Fault{Status: 413}, nil, "resend", "blocked", "Too Large", "replay", "fqq ffq", "fss ffs", "011 001"},
		{"429", lab.Fault{Status: 429}, nil, "resend", "retrying", "Too Many Requests", "max_concurrent", "qqq qqq", "sss sss", "111 111"},
		{"500", lab.Fault{Status: 500}, nil, "resend", "retrying", "Internal Server Error", "", "qqq QQq", "sss SSs", "111 111"},
		{"502, not processed", lab.Fault{Status: 502, Body: page}, nil, "resend", "retrying", "Bad Gateway", "", "qqq QQq", "sss SSs", "111 111"},
		{"502, processed", worked(502, page), nil, "resend", "retrying", "Bad Gateway", "", "qqq QQq", "sss SSs", "++1 221"},
		{"503", lab.Fault{Status: 503}, nil, "resend", "retrying", "Service Unavailable", "", "qqq QQq", "sss SSs", "111 111"},
		{"503 with Retry-After", lab.Fault{Status: 503, Headers: map[string]string{"Retry-After": "30"}}, nil, "resend", "retrying", "Service Unavailable", "", "qqq QQq", "sss SSs", "111 111"},
		{"503, processed", lab.Fault{Status: 503, Works: true}, nil, "resend", "retrying", "the upload may have arrived", "", "qqq QQq", "sss SSs", "++1 221"},
		{"503, processed, held", lab.Fault{Status: 503, Works: true}, nil, "hold", "retrying", "the upload may have arrived", "", "qqq HHq", "sss HHs", "++1 111"},
		{"500, processed", lab.Fault{Status: 500, Works: true}, nil, "resend", "retrying", "the upload may have arrived", "", "qqq QQq", "sss SSs", "++1 221"},
		{"408, processed", lab.Fault{Status: 408, Works: true}, nil, "resend", "retrying", "the upload may have arrived", "", "qqq QQq", "sss SSs", "++1 221"},
		{"504, processed", lab.Fault{Status: 504, Works: true}, nil, "resend", "retrying", "the upload may have arrived", "", "qqq QQq", "sss SSs", "++1 221"},
		{"redirect", lab.Fault{Redirect: "https://elsewhere.example/"}, nil, "resend", "blocked", "redirect", "region", "qqq qqq", "sss sss", "111 111"},
		{"200: fail, no reasons", body(`{"status":"fail","processed":0,"unprocessed":[]}`), nil, "resend", "ok", "accepted no record", "", "qqq qqq", "sss sss", "111 111"},
		{"200: fail, without records", body(`{"status":"fail","error":"Busy","code":503}`), nil, "resend", "retrying", "Busy", "", "qqq QQq", "sss SSs", "111 111"},
		{"200: more than sent", worked(200, `{"status":"success","processed":7,"unprocessed":[]}`), nil, "resend", "ok", "", "", "sss sss", "sss sss", "111 111"},
		{"200: one refused, but not which", body(`{"status":"fail","processed":0,"unprocessed":[{"code":515,"error":"Email is not valid"}]}`), nil, "resend", "ok", "", "", "fff FFf", "fff FFf", "000 000"},
		{"code 555", lab.Fault{}, &lab.Refusal{Identity: "a", Code: 555}, "resend", "ok", "rows are retried", "", "qsq qsq", "sss sss", "111 111"},
		{"code 515", lab.Fault{}, &lab.Refusal{Identity: "a", Code: 515}, "resend", "ok", "", "", "fsf fsf", "fsf fsf", "010 010"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := newBubble(t, tt.onUnknown, map[string]string{"p": bubbleProfiles(), "e": bubbleEvents(), "w": bubbleWitness()})
				switch f := tt.fault; {
				case tt.refusal != nil:
					b.box.CleverTap().Refuse(*tt.refusal)
				case f.Status == 0 && f.Redirect == "" && f.Reset == "" && f.Cut == 0 && f.Delay == "":
					b.cleverTap.refuse(true)
				default:
					f.API = "clevertap"
					if err := b.box.Fault(f); err != nil {
						t.Fatal(err)
					}
				}
				b.add(t, [2]string{"a", "1"}, [2]string{"b", "2"})
				b.until(t, "the witness's rows are sent", 70*time.Second, func() bool { return b.states(t, "w") == "ss" })
				b.pass(5 * time.Minute)
				b.add(t, [2]string{"a", "3"})
				b.until(t, "the witness's third row is sent", 70*time.Second, func() bool { return b.states(t, "w") == "sss" })
				b.pass(5 * time.Minute)
				// If one refused row after the other fails until the account is blocked, either zap
				// may be first.
				if strings.HasSuffix(tt.name, " to all") && b.all(t) == otherZapFirst(tt.during) {
					tt.during, tt.after, tt.seen = otherZapFirst(tt.during), otherZapFirst(tt.after), otherZapFirst(tt.seen)
				}
				if got := b.all(t); got != tt.during {
					t.Errorf("during the fault: states %q, want %q", got, tt.during)
				}
				b.wantTrouble(t, tt.account, tt.reason, tt.hint, strings.Contains(tt.during, "q"))

				b.box.Heal("")
				b.box.CleverTap().Relent()
				b.cleverTap.refuse(false)
				took := b.until(t, "nothing is queued", bySelf, func() bool { return !strings.ContainsAny(b.all(t), "qQ") })
				if got, seen := b.all(t), b.seen(t, 3); got != tt.after || seen != tt.seen {
					t.Errorf("after the fault: states %q, seen %q, want %q, %q", got, seen, tt.after, tt.seen)
				}
				b.wantTrouble(t, "ok", "", "", false)
				if p, ok := b.box.CleverTap().Profile("a"); tt.seen[2] != '0' && (!ok || fmt.Sprint(p.Data["Score"]) != "3") {
					t.Errorf("the profile of a is %+v, want the last row's", p.Data)
				}
				t.Logf("recovered after %s, %d requests", took, b.cleverTap.requests())
			})
		})
	}
}

// TestServerErrorsHoldNothing: rows whose uploads get server errors for hours, while dry runs get
// responses, are not held for that, not even after an upload without a response or with a short
// one.
func TestServerErrorsHoldNothing(t *testing.T) {
	for name, then := range map[string]lab.Fault{
		"nothing":      {},
		"a reset":      {Reset: "after", Times: 1},
		"short answer": {Status: 200, Body: `{"status":"success","processed":0,"unprocessed":[]}`, Works: true, Times: 1},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := newBubble(t, "resend", map[string]string{"p": bubbleProfiles(), "e": bubbleEvents()})
				b.spoilReal(t, lab.Fault{Status: 503})
				b.add(t, [2]string{"a", "1"}, [2]string{"b", "2"})
				b.pass(3 * time.Hour)
				if got := b.all(t); got != "qq QQ" {
					t.Errorf("after three hours of 503: states %q, want qq QQ", got)
				}
				b.box.Heal("")
				if then.Times > 0 {
					b.spoilReal(t, then)
				}
				b.until(t, "all is sent", 15*time.Minute, func() bool { return b.all(t) == "ss SS" })
			})
		})
	}
}

func otherZapFirst(both string) string {
	p, e, _ := strings.Cut(both, " ")
	return e + " " + p
}

// wantTrouble compares what an operator sees of account production and its zaps; queued tells
// whether rows of them wait.
func (b *bubble) wantTrouble(t *testing.T, state, reason, hint string, queued bool) {
	t.Helper()
	a := b.account(t, "production")
	if a.State != state || state != "ok" && (!strings.Contains(a.Reason, reason) || !strings.Contains(a.Hint, hint)) {
		t.Errorf("account: %s, %q, hint %q; want %s, %q, %q", a.State, a.Reason, a.Hint, state, reason, hint)
	}
	wantState := Running
	if state == "blocked" {
		wantState = NeedsHand
	}
	for _, name := range []string{"p", "e"} {
		z := b.zap(t, name)
		if z.State != wantState || queued && (!strings.Contains(z.Reason, reason) || !strings.Contains(z.Hint, hint)) || !queued && z.Reason != "" {
			t.Errorf("zap %s: %s, %q, hint %q; want %s, %q, %q", name, z.State, z.Reason, z.Hint, wantState, reason, hint)
		}
	}
	if w := b.zap(t, "w"); w.State != Running || w.Reason != "" {
		t.Errorf("zap w of another account: %s, %q", w.State, w.Reason)
	}
}
