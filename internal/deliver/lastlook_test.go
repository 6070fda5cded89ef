package deliver

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rowtap/rowtap/internal/clevertap"
	"github.com/rowtap/rowtap/internal/ledger"
)

// accepting is a CleverTap that accepts the one record of each upload.
type accepting struct{ began, took atomic.Int64 }

func (a *accepting) RoundTrip(r *http.Request) (*http.Response, error) {
	a.began.Add(1)
	if _, err := io.ReadAll(r.Body); err != nil {
		return nil, err
	}
	a.took.Add(1)
	response := `{"status":"success","processed":1,"unprocessed":[]}`
	return &http.Response{StatusCode: http.StatusOK, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(response)), Request: r}, nil
}

// TestUploadsThatAreStopped: stopped uploads are retried each second, count neither as outcomes nor
// as requests, and leave a row that must be sent alone as it was.
func TestUploadsThatAreStopped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSender(t, [2]string{"a@example.com", "1"})
		cleverTap := &accepting{}
		p := s.opts.Plan()
		var err error
		if p.CleverTap["production"], err = clevertap.New(clevertap.Options{Name: "production", AccountID: "A", Passcode: "P", Region: "in1", Transport: cleverTap}); err != nil {
			t.Fatal(err)
		}
		alone := []ledger.Outcome{{Number: 1, State: ledger.Queued, Solo: true, CountAttempt: true, RetryAt: time.Now()}}
		if err := s.opts.Ledger.Finish(t.Context(), "p", alone, time.Now()); err != nil {
			t.Fatal(err)
		}
		var stop atomic.Bool
		var outcomes, requests atomic.Int64
		stop.Store(true)
		s.opts.LastLook = func() error {
			if stop.Load() {
				return errors.New("not now")
			}
			return nil
		}
		s.opts.Outcome = func(string, int, ledger.Outcome) { outcomes.Add(1) }
		s.opts.Uploaded = func(string, int, time.Duration) { requests.Add(1) }
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- s.Run(ctx) }()
		<-time.After(10 * time.Second)
		synctest.Wait()
		if n := cleverTap.began.Load(); n < 5 || n > 11 || cleverTap.took.Load() != 0 || outcomes.Load() != 0 || requests.Load() != 0 {
			t.Errorf("in ten seconds %d uploads started, %d were accepted, %d outcomes, %d requests", n, cleverTap.took.Load(), outcomes.Load(), requests.Load())
		}
		if d, _, err := s.opts.Ledger.Delivery(t.Context(), "p", 1); err != nil || !d.Solo || d.Attempts != 1 || !d.RetryAt.Equal(alone[0].RetryAt) || d.State != ledger.Queued {
			t.Errorf("stopped: %+v, %v", d, err)
		}
		stop.Store(false)
		<-time.After(2 * time.Second)
		synctest.Wait()
		if d, _, err := s.opts.Ledger.Delivery(t.Context(), "p", 1); err != nil || d.State != ledger.Sent || cleverTap.took.Load() != 1 || outcomes.Load() != 1 || requests.Load() != 1 {
			t.Errorf("no longer stopped: %+v, %v, %d uploads", d, err, cleverTap.took.Load())
		}
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}
