package engine

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"testing"
)

// TestNotifyOnce: the webhook hears once of a trouble that lasts, once of its end, and never of a single bad look.
func TestNotifyOnce(t *testing.T) {
	r := newRig(t, map[string]string{"profiles": profileZap("production")})
	var got []Notice
	fail := false
	hook := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		if fail {
			w.WriteHeader(http.StatusBadGateway)
			return
		}
		var n Notice
		if err := json.NewDecoder(req.Body).Decode(&n); err != nil {
			t.Error(err)
		}
		got = append(got, n)
	}))
	defer hook.Close()
	n := newNotifier(r.Engine)
	look := func(times int) {
		for range times {
			n.look(t.Context(), hook.URL)
		}
	}
	r.once(t)
	look(3)
	if err := r.box.Sheets().Unshare("book"); err != nil {
		t.Fatal(err)
	}
	r.once(t)
	look(1)
	if len(got) != 0 {
		t.Fatalf("told %+v before anything lasted", got)
	}
	fail = true
	look(1) // not told: the webhook is down
	fail = false
	look(3)
	if err := r.box.Sheets().Share("book"); err != nil {
		t.Fatal(err)
	}
	r.once(t)
	look(4)
	if len(got) != 2 || got[0].Kind != "attention" || got[0].Zap != "profiles" || got[0].Next == "" || got[1].Kind != "recovered" {
		t.Errorf("told %+v, want attention, then recovered", got)
	}
}
