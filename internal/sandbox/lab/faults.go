package lab

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/rowtap/rowtap/internal/sandbox"
)

// Fault is a fault of requests. A fault with a status, a redirect or a reset before the work keeps
// the request from the emulator, unless Works is set. Any other lets the emulator process the
// request and spoils the response.
type Fault struct {
	API          string            // sheets, token or clevertap
	PathContains string            // of path and query as sent; "": every request
	Status       int               // respond with this; 0: the real response
	Body         string            // with Status; "": the service's usual body
	Reason       string            // with Status 403 of sheets: Google's reason; "": not shared
	Headers      map[string]string // with Status
	Works        bool              // with Status: the emulator still processes the request
	Redirect     string            // this Location, with 307 unless Status is set
	Delay        string            // delays the response, after the work; a Go duration
	Reset        string            // before or after the work: drops the connection
	Cut          int               // drops the connection after as many bytes of body; 0: never
	Times        int               // number of requests to spoil; 0: all until healed

	delay time.Duration
}

func (f *Fault) check() error {
	if !slices.Contains([]string{"sheets", "token", "clevertap"}, f.API) {
		return fmt.Errorf("a fault's api must be sheets, token or clevertap, not %q", f.API)
	}
	if f.Reset != "" && f.Reset != "before" && f.Reset != "after" {
		return fmt.Errorf("a fault's reset must be before or after, not %q", f.Reset)
	}
	if f.Status != 0 && (f.Status < 200 || f.Status > 599) {
		return fmt.Errorf("a fault's status must be 200 to 599, not %d", f.Status)
	}
	if known := refusals(); f.Reason != "" && (f.API != "sheets" || f.Status != http.StatusForbidden || known[f.Reason] == nil) {
		return fmt.Errorf("a fault's reason needs api sheets and status 403, and must be one of %s, not %q", strings.Join(slices.Sorted(maps.Keys(known)), ", "), f.Reason)
	}
	if f.Cut < 0 || f.Times < 0 {
		return errors.New("a fault's cut and times must not be negative")
	}
	if f.Delay != "" {
		delay, err := time.ParseDuration(f.Delay)
		if err != nil || delay < 0 {
			return fmt.Errorf("a fault's delay must be a duration such as 2s, not %q", f.Delay)
		}
		f.delay = delay
	}
	if f.Status == 0 && f.Redirect == "" && f.Reset == "" && f.Cut == 0 && f.delay == 0 {
		return errors.New("a fault needs one of status, redirect, reset, cut and delay")
	}
	return nil
}

// faults are a queue: the first fault that matches a request spoils it.
type faults struct {
	mu    sync.Mutex
	queue []Fault
}

// Fault appends a fault to the queue.
func (s *Sandbox) Fault(f Fault) error {
	if err := f.check(); err != nil {
		return err
	}
	s.faults.mu.Lock()
	defer s.faults.mu.Unlock()
	s.faults.queue = append(s.faults.queue, f)
	return nil
}

// Faults returns the remaining faults.
func (s *Sandbox) Faults() []Fault {
	s.faults.mu.Lock()
	defer s.faults.mu.Unlock()
	return append([]Fault{}, s.faults.queue...)
}

// Heal removes the faults of an API; "": of all APIs.
func (s *Sandbox) Heal(api string) {
	s.faults.mu.Lock()
	defer s.faults.mu.Unlock()
	s.faults.queue = slices.DeleteFunc(s.faults.queue, func(f Fault) bool { return api == "" || f.API == api })
}

func (f *faults) next(api string, r *http.Request) (Fault, bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for i, fault := range f.queue {
		if fault.API != api || !strings.Contains(r.URL.RequestURI(), fault.PathContains) {
			continue
		}
		if fault.Times == 1 {
			f.queue = slices.Delete(f.queue, i, i+1)
		} else if fault.Times > 1 {
			f.queue[i].Times--
		}
		return fault, true
	}
	return Fault{}, false
}

func (f *faults) wrap(api string, h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fault, ok := f.next(api, r)
		if !ok {
			h.ServeHTTP(w, r)
			return
		}
		fault.serve(w, r, h)
	})
}

func (f *Fault) serve(w http.ResponseWriter, r *http.Request, h http.Handler) {
	own := f.Status == 0 && f.Redirect == "" // the response is the emulator's
	answer := recorder{header: http.Header{}, code: http.StatusOK}
	if f.Reset != "before" && (own || f.Works) {
		h.ServeHTTP(&answer, r)
	}
	if !own {
		answer = recorder{header: http.Header{}, code: http.StatusOK}
		f.writeResponse(&answer, r)
	}
	// Read the whole request first: only then does the server notice that the client disconnects.
	_, _ = io.Copy(io.Discard, io.LimitReader(r.Body, 64<<20))
	if f.delay > 0 {
		select {
		case <-time.After(f.delay):
		case <-r.Context().Done():
		}
	}
	if f.Reset != "" {
		drop(w)
		return
	}
	maps.Copy(w.Header(), answer.header)
	body := answer.body.Bytes()
	if f.Cut == 0 || f.Cut >= len(body) {
		w.WriteHeader(answer.code)
		_, _ = w.Write(body)
		return
	}
	w.Header().Set("Content-Length", fmt.Sprint(len(body)))
	w.WriteHeader(answer.code)
	_, _ = w.Write(body[:f.Cut])
	_ = http.NewResponseController(w).Flush()
	drop(w)
}

// writeResponse writes the response of a fault that keeps the request from the emulator.
func (f *Fault) writeResponse(w http.ResponseWriter, r *http.Request) {
	code := f.Status
	if f.Redirect != "" {
		w.Header().Set("Location", f.Redirect)
		if code == 0 {
			code = http.StatusTemporaryRedirect
		}
	}
	for name, value := range f.Headers {
		w.Header().Set(name, value)
	}
	switch {
	case f.Body != "":
		if w.Header().Get("Content-Type") == "" {
			kind := "text/html; charset=UTF-8"
			if json.Valid([]byte(f.Body)) {
				kind = "application/json; charset=UTF-8"
			}
			w.Header().Set("Content-Type", kind)
		}
		w.WriteHeader(code)
		_, _ = io.WriteString(w, f.Body)
	case f.Reason != "":
		sandbox.WriteGoogleError(w, r, refusals()[f.Reason])
	case f.API == "sheets" && code >= 400:
		sandbox.WriteGoogleError(w, r, statusOf(code))
	case f.API == "clevertap" && code >= 400:
		writeJSON(w, code, `{ "status" : "fail" , "error" : %q , "code" : %d}`, http.StatusText(code), code)
	case f.API == "token" && code >= 400:
		writeJSON(w, code, `{"error":"internal_failure","error_description":%q}`, http.StatusText(code))
	default:
		w.WriteHeader(code)
	}
}

func writeJSON(w http.ResponseWriter, code int, format string, values ...any) {
	w.Header().Set("Content-Type", "application/json;charset=utf-8")
	w.WriteHeader(code)
	fmt.Fprintf(w, format, values...)
}

// drop closes the connection without sending more, with a TCP reset if possible.
func drop(w http.ResponseWriter) {
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	if tcp, ok := conn.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0)
	}
	_ = conn.Close()
}

// recorder records a response.
type recorder struct {
	header http.Header
	code   int
	body   bytes.Buffer
}

func (r *recorder) Header() http.Header         { return r.header }
func (r *recorder) WriteHeader(code int)        { r.code = code }
func (r *recorder) Write(b []byte) (int, error) { return r.body.Write(b) }
