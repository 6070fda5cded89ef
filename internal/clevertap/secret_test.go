package clevertap_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/rowtap/rowtap/internal/clevertap"
)

// rotation is an account with its passcode in a file, and a CleverTap that accepts one passcode.
type rotation struct {
	*clevertap.Client
	path  string
	valid string
	asked []string // passcodes of the requests
}

func newRotation(t *testing.T) *rotation {
	t.Helper()
	r := &rotation{path: filepath.Join(t.TempDir(), "rowtap.service", "passcode"), valid: "OLD-PASS-0001"}
	if err := os.Mkdir(filepath.Dir(r.path), 0o700); err != nil {
		t.Fatal(err)
	}
	endpoint := serve(t, func(w http.ResponseWriter, req *http.Request) {
		passcode := req.Header.Get("X-CleverTap-Passcode")
		r.asked = append(r.asked, passcode)
		if passcode != r.valid {
			w.WriteHeader(http.StatusUnauthorized)
			fmt.Fprintf(w, `{"status":"fail","error":"Passcode %s Invalid","code":401}`, passcode)
			return
		}
		_, _ = fmt.Fprint(w, `{"status":"success","processed":1,"unprocessed":[]}`)
	})
	r.write(t, r.valid+"\n", time.Hour)
	var err error
	r.Client, err = clevertap.New(clevertap.Options{Name: "production", AccountID: "A", Passcode: r.valid, PasscodeFile: r.path, Endpoint: endpoint})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.CloseIdleConnections)
	return r
}

// write writes a text to the file, with a modification time that long ago.
func (r *rotation) write(t *testing.T, text string, age time.Duration) {
	t.Helper()
	if err := os.WriteFile(r.path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	at := time.Now().Add(-age)
	if err := os.Chtimes(r.path, at, at); err != nil {
		t.Fatal(err)
	}
}

// upload uploads a record and returns the error with its hint; "" if there is none.
func (r *rotation) upload(ctx context.Context) string {
	_, err := r.Upload(ctx, records(1), false)
	if e, ok := errors.AsType[*clevertap.Error](err); ok {
		return fmt.Sprintf("%v: %v; %s", e.Kind, e, e.Hint)
	}
	return ""
}

func (r *rotation) want(t *testing.T, what string, asked ...string) {
	t.Helper()
	if got := fmt.Sprint(r.asked); got != fmt.Sprint(asked) {
		t.Errorf("%s: passcodes %s, want %s", what, got, asked)
	}
	r.asked = nil
}

func TestPasscodeFileIsReadAgain(t *testing.T) {
	const old, fresh = "OLD-PASS-0001", "NEW-PASS-0002"
	r := newRotation(t)
	r.write(t, "\ufeff "+fresh+"\r\n", time.Minute)
	r.valid = fresh
	if err := r.upload(t.Context()); err != "" {
		t.Error(err)
	}
	r.want(t, "the file was replaced", fresh)

	r = newRotation(t)
	for _, text := range []string{"", "two words", strings.Repeat("x", 8<<10)} {
		r.write(t, text, time.Minute)
		if err := r.upload(t.Context()); err != "" {
			t.Error(err)
		}
		r.want(t, "a file that contains no passcode", old)
	}
	r.write(t, "NEW-PA", 0)
	if err := r.upload(t.Context()); err != "" {
		t.Error(err)
	}
	r.want(t, "a file that is being written", old)
	if err := os.Remove(r.path); err != nil {
		t.Fatal(err)
	}
	if err := r.upload(t.Context()); err != "" {
		t.Error(err)
	}
	r.want(t, "no file", old)
}

func TestRefusedPasscode(t *testing.T) {
	const old, fresh = "OLD-PASS-0001", "NEW-PASS-0002"
	r := newRotation(t)
	r.write(t, fresh, 0) // too recent to be read without a refusal
	r.valid = fresh
	if err := r.upload(t.Context()); err != "" {
		t.Error(err)
	}
	r.want(t, "refused, and the file has another", old, fresh)

	r = newRotation(t)
	r.valid = fresh
	for range 3 {
		err := r.upload(t.Context())
		if !strings.Contains(err, "credentials: ") || !strings.Contains(err, "to change the passcode, write it to "+r.path) || strings.Contains(err, old) {
			t.Errorf("refused: %q", err)
		}
	}
	r.want(t, "refused, and the file has no other", old, old, old)

	r.write(t, "NEW-PASS-0003", time.Minute)
	if err := r.upload(t.Context()); strings.Contains(err, "NEW-PASS-0003") || !strings.Contains(err, "[redacted]") {
		t.Errorf("the new passcode is refused as well: %q", err)
	}
	r.want(t, "the new one is refused as well", "NEW-PASS-0003")

	t.Setenv("CREDENTIALS_DIRECTORY", filepath.Dir(r.path))
	if err := r.upload(t.Context()); !strings.Contains(err, "systemctl restart rowtap") {
		t.Errorf("under systemd: %q", err)
	}
}
