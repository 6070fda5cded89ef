package engine

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rowtap/rowtap/internal/sandbox/lab"
)

// TestFaultsOfGoogle has the Sheets API or the token endpoint break for ten minutes while rows are
// added. Rows queued before are still sent, rows of other accounts are sent without delay, and the
// added rows are found once, automatically, when the fault ends. There is one zap of the account
// only: the library lets requests wait for another's token on a mutex, which stops a bubble's time.
func TestFaultsOfGoogle(t *testing.T) {
	sheetsFault := func(f lab.Fault) lab.Fault { f.API = "sheets"; return f }
	tokenFault := func(f lab.Fault) lab.Fault { f.API = "token"; return f }
	const page = "<html><body>Please log in</body></html>"
	tests := []struct {
		name    string
		fault   lab.Fault     // zero value: connections are refused
		state   ZapState      // of the zap, during the fault
		account string        // and of the Google account
		reason  string        // in the zap's reason
		hint    string        // in its hint
		well    time.Duration // limit for the recovery after the fault, besides a poll
	}{
		{"connection refused", lab.Fault{}, Running, "ok", "connection refused", "network", 0},
		{"reset", sheetsFault(lab.Fault{Reset: "before"}), Running, "ok", "reset by peer", "network", 0},
		{"stall", sheetsFault(lab.Fault{Reset: "before", Delay: "1h"}), Running, "ok", "no response within 1m0s", "", 5 * time.Minute},
		{"response cut", sheetsFault(lab.Fault{Cut: 30}), Running, "ok", "was cut off", "", 0},
		{"a web page", sheetsFault(lab.Fault{Status: 200, Body: page}), Running, "ok", "not a Sheets API response", "", 0},
		{"400", sheetsFault(lab.Fault{Status: 400}), NeedsHand, "ok", "", "", 0},
		{"401", sheetsFault(lab.Fault{Status: 401}), NeedsHand, "blocked", "", "credentials_file", 0},
		{"403", sheetsFault(lab.Fault{Status: 403}), NeedsHand, "ok", "not shared", "share the spreadsheet", 0},
		{"403, API not enabled", sheetsFault(lab.Fault{Status: 403, Reason: "SERVICE_DISABLED"}), NeedsHand, "blocked", "has not been used in project", "https://console.developers.google.com/apis/api/sheets.googleapis.com/overview?project=", 0},
		{"403, scope", sheetsFault(lab.Fault{Status: 403, Reason: "ACCESS_TOKEN_SCOPE_INSUFFICIENT"}), NeedsHand, "blocked", "insufficient authentication scopes", "grant the scope", 0},
		{"403, domain policy", sheetsFault(lab.Fault{Status: 403, Reason: "domainPolicy"}), NeedsHand, "blocked", "domain administrators", "ask the administrator", 0},
		{"403, no identity", sheetsFault(lab.Fault{Status: 403, Reason: "unregistered"}), NeedsHand, "blocked", "unregistered callers", "Authorization header", 0},
		{"403, quota", sheetsFault(lab.Fault{Status: 403, Reason: "rateLimitExceeded"}), Running, "ok", "", "reads_per_minute", time.Minute},
		{"404", sheetsFault(lab.Fault{Status: 404}), NeedsHand, "ok", "", "URL or ID", 0},
		{"409", sheetsFault(lab.Fault{Status: 409}), Running, "ok", "HTTP 409", "", time.Minute},
		{"413", sheetsFault(lab.Fault{Status: 413, Body: page}), NeedsHand, "ok", "", "endpoint", 0},
		{"429", sheetsFault(lab.Fault{Status: 429}), Running, "ok", "", "reads_per_minute", time.Minute},
		{"429, Retry-After", sheetsFault(lab.Fault{Status: 429, Body: "{}", Headers: map[string]string{"Retry-After": "20"}}), Running, "ok", "", "reads_per_minute", time.Minute},
		{"499", sheetsFault(lab.Fault{Status: 499}), Running, "ok", "HTTP 499", "", time.Minute},
		{"500", sheetsFault(lab.Fault{Status: 500}), Running, "ok", "HTTP 500", "", time.Minute},
		{"502", sheetsFault(lab.Fault{Status: 502, Body: page}), Running, "ok", "HTTP 502", "", time.Minute},
		{"503, Retry-After", sheetsFault(lab.Fault{Status: 503, Body: page, Headers: map[string]string{"Retry-After": "Sat, 01 Jan 2000 00:30:00 GMT"}}), Running, "ok", "HTTP 503", "", time.Minute},
		{"redirect", sheetsFault(lab.Fault{Redirect: "https://elsewhere.example/"}), NeedsHand, "ok", "redirect", "proxy", 0},
		{"token refused", tokenFault(lab.Fault{Status: 400, Body: `{"error":"invalid_grant","error_description":"Bad"}`}), NeedsHand, "blocked", "invalid_grant", "google.json, which is read again", 0},
		{"token host's page", tokenFault(lab.Fault{Status: 403, Body: page}), NeedsHand, "blocked", "a web page instead of a token (HTTP 403)", "token_uri", 0},
		{"token 503", tokenFault(lab.Fault{Status: 503}), Running, "ok", "issued no token", "", time.Minute},
		{"token stalls", tokenFault(lab.Fault{Reset: "before", Delay: "1h"}), Running, "ok", "", "", 5 * time.Minute},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := newBubble(t, "resend", map[string]string{"p": bubbleProfiles(), "w": bubbleWitness()})
				b.add(t, [2]string{"a", "1"})
				b.until(t, "the first row is sent", prompt, func() bool { return b.states(t, "p") == "s" })
				if tt.fault.API == "" {
					b.google.refuse(true)
				} else if err := b.box.Fault(tt.fault); err != nil {
					t.Fatal(err)
				}
				if tt.fault.API == "token" {
					b.box.ExpireTokens()
				}
				for i := range 3 {
					b.add(t, [2]string{"b", string(rune('2' + i))})
					b.until(t, "the witness's row is sent", prompt, func() bool { return b.states(t, "w") == strings.Repeat("s", i+2) })
					b.pass(3 * time.Minute)
				}
				// A poll that waits long for a response has no result yet.
				b.until(t, "the trouble is shown", 5*time.Minute, func() bool { return b.zap(t, "p").Reason != "" })
				z := b.zap(t, "p")
				if z.State != tt.state || !strings.Contains(z.Reason, tt.reason) || !strings.Contains(z.Hint, tt.hint) {
					t.Errorf("zap: %s, %q, hint %q; want %s, %q, %q", z.State, z.Reason, z.Hint, tt.state, tt.reason, tt.hint)
				}
				if a := b.account(t, "marketing"); a.State != tt.account {
					t.Errorf("account: %s, %q, want %s", a.State, a.Reason, tt.account)
				}
				if w := b.zap(t, "w"); w.State != Running || w.Reason != "" {
					t.Errorf("zap w of another account: %s, %q", w.State, w.Reason)
				}

				b.box.Heal("")
				b.google.refuse(false)
				took := b.until(t, "all is sent", prompt+tt.well, func() bool { return b.states(t, "p") == "ssss" })
				if got := b.seen(t, 4); got != "1111 0000" {
					t.Errorf("seen %s, want each once", got)
				}
				if z := b.zap(t, "p"); z.State != Running || z.Reason != "" {
					t.Errorf("after the fault: %s, %q", z.State, z.Reason)
				}
				t.Logf("recovered after %s, %d requests", took, b.google.requests())
			})
		})
	}
}
