package lab

import (
	"errors"
	"io"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

func TestFaults(t *testing.T) {
	tests := []struct {
		name     string
		fault    Fault
		status   int
		body     string // part of the response
		broken   bool   // the connection ended before the response
		accepted int64  // records that the emulator stored anyway
	}{
		{"status", Fault{Status: 503}, 503, `"code" : 503`, false, 0},
		{"status and body", Fault{Status: 502, Body: "<html>bad gateway", Headers: map[string]string{"Retry-After": "7"}}, 502, "<html>bad", false, 0},
		{"not a CleverTap response", Fault{Status: 200, Body: "<html>log in"}, 200, "<html>log in", false, 0},
		{"a page of a proxy, after the work", Fault{Status: 502, Body: "<html>bad gateway", Works: true}, 502, "<html>bad", false, 1},
		{"redirect", Fault{Redirect: "http://evil.example/"}, 307, "http://evil.example/", false, 0},
		{"reset before the work", Fault{Reset: "before"}, 0, "", true, 0},
		{"reset after the work", Fault{Reset: "after"}, 0, "", true, 1},
		{"cut", Fault{Cut: 12}, 200, `{ "status" :`, true, 1},
		{"cut beyond the end", Fault{Cut: 10000}, 200, `"processed" : 1`, false, 1},
		{"delay", Fault{Delay: "1ms"}, 200, `"processed" : 1`, false, 1},
		{"another path", Fault{Status: 503, PathContains: "dryRun"}, 200, `"processed" : 1`, false, 1},
	}
	for _, tt := range tests {
		s := newSandbox(t)
		server := serve(t, s)
		tt.fault.API, tt.fault.Times = "clevertap", 1
		must(t, s.Fault(tt.fault))
		status, body, err := send(t, s, server)
		if status != tt.status || !strings.Contains(body, tt.body) || (err != nil) != tt.broken {
			t.Errorf("%s: got %d %q, %v", tt.name, status, body, err)
		}
		if tt.status == 0 && !errors.Is(err, syscall.ECONNRESET) && !errors.Is(err, io.EOF) {
			t.Errorf("%s: got %v, want a reset", tt.name, err)
		}
		if got := s.CleverTap().Counts().Accepted; got != tt.accepted {
			t.Errorf("%s: accepted %d, want %d", tt.name, got, tt.accepted)
		}
		if status, body, err := send(t, s, server); status != 200 || err != nil {
			t.Errorf("%s, the next request: got %d %q, %v", tt.name, status, body, err)
		}
	}
}

func TestFaultsAreQueued(t *testing.T) {
	s := newSandbox(t, cellsOf("a")...)
	access := bearer(t, s)
	const cells = "/v4/spreadsheets/book/values/T"
	must(t, s.Fault(Fault{API: "sheets", Status: 429, Times: 2}))
	must(t, s.Fault(Fault{API: "sheets", Status: 500}))
	must(t, s.Fault(Fault{API: "token", Status: 400, Body: `{"error":"invalid_grant","error_description":"Invalid JWT Signature."}`}))
	for i, want := range []int{429, 429, 500, 500} {
		if code, got := read(t, s, cells, access); code != want || !strings.Contains(got, `"status":`) {
			t.Errorf("read %d: got %d %s, want %d", i+1, code, got, want)
		}
	}
	s.Heal("sheets")
	if code, _ := read(t, s, cells, access); code != 200 {
		t.Errorf("healed: got %d", code)
	}
	if left := s.Faults(); len(left) != 1 || left[0].API != "token" {
		t.Errorf("left: %+v", left)
	}
	if code, got := token(t, s, nil); code != 400 || !strings.Contains(got, `"error":"invalid_grant"`) {
		t.Errorf("token: got %d %s", code, got)
	}
	s.Heal("")
	if left := s.Faults(); len(left) != 0 {
		t.Errorf("left: %+v", left)
	}
}

func TestDelayHoldsTheAnswerBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSandbox(t)
		must(t, s.Fault(Fault{API: "clevertap", Delay: "90s"}))
		began := time.Now()
		done := make(chan time.Duration)
		go func() {
			ask(t, s, uploadOf(t, s, "", "", oneProfile))
			done <- time.Since(began)
		}()
		synctest.Wait()
		if got := s.CleverTap().Counts().Accepted; got != 1 {
			t.Errorf("while the response is delayed: accepted %d, want the work done", got)
		}
		if got := <-done; got != 90*time.Second {
			t.Errorf("responded after %v, want 90s", got)
		}
	})
}

func TestFaultsAreChecked(t *testing.T) {
	for _, f := range []Fault{
		{API: "sheets", Status: 403, Reason: "nonsense"},
		{API: "clevertap", Status: 403, Reason: "domainPolicy"},
		{API: "sheets", Status: 500, Reason: "domainPolicy"},
		{},
		{API: "drive", Status: 500},
		{API: "sheets"},
		{API: "sheets", Status: 42},
		{API: "sheets", Reset: "now"},
		{API: "sheets", Delay: "2"},
		{API: "sheets", Cut: -1},
	} {
		if err := newSandbox(t).Fault(f); err == nil {
			t.Errorf("%+v was accepted", f)
		}
	}
}
