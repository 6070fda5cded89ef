package notify

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/rowtap/rowtap/internal/config"
)

// TestWebhook: a webhook gets the body as JSON. Its URL, a secret, is in no error, and redirects are
// not followed.
func TestWebhook(t *testing.T) {
	status, got, asked := http.StatusOK, "", 0
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked++
		var body struct{ Text string }
		if err := json.NewDecoder(r.Body).Decode(&body); err != nil {
			t.Error(err)
		}
		got = body.Text
		w.Header().Set("Location", "/elsewhere")
		w.WriteHeader(status)
	}))
	target := New(config.Notify{Webhook: config.NewSecret(srv.URL + "/hunter2")})
	send := func() error {
		return target.Send(t.Context(), Message{Body: map[string]string{"text": "a"}})
	}
	if err := send(); err != nil || got != "a" {
		t.Errorf("got %q, %v", got, err)
	}
	if err := target.Check(t.Context()); err != nil || asked != 1 {
		t.Errorf("Check = %v, %d requests", err, asked)
	}
	for _, status = range []int{http.StatusFound, http.StatusNotFound, http.StatusBadGateway} {
		asked = 0
		if err := send(); err == nil || strings.Contains(err.Error(), "hunter2") || asked != 1 {
			t.Errorf("%d: %v, %d requests", status, err, asked)
		}
	}
	srv.Close()
	if err := send(); err == nil || strings.Contains(err.Error(), "hunter2") {
		t.Errorf("no server: %v", err)
	}
}
