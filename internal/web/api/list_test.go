package api_test

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"

	"github.com/rowtap/rowtap/internal/web/api"
)

// pieces records each write of a response, and refuses those after some.
type pieces struct {
	*httptest.ResponseRecorder
	most    int // 0: all are taken
	longest int
	writes  int
}

func (p *pieces) Write(b []byte) (int, error) {
	if p.writes++; p.most > 0 && p.writes > p.most {
		return 0, errors.New("the client is gone")
	}
	p.longest = max(p.longest, len(b))
	return p.ResponseRecorder.Write(b)
}

// TestALongListIsWrittenAsItIsRead: no write has more than one delivery, and a client that goes
// away ends the reading.
func TestALongListIsWrittenAsItIsRead(t *testing.T) {
	h, e := open(t)
	const rows = 2500
	e.Fill(t, rows)
	ask := func(most int, query string) (p *pieces, broken any) {
		p = &pieces{ResponseRecorder: httptest.NewRecorder(), most: most}
		req := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "http://localhost/api/v1/deliveries?"+query, nil)
		req.Header.Set("Authorization", "Bearer "+testToken)
		defer func() { broken = recover() }()
		h.ServeHTTP(p, req)
		return p, nil
	}
	var list []api.Delivery
	got, broken := ask(0, "limit=0")
	if err := json.Unmarshal(got.Body.Bytes(), &list); err != nil || broken != nil || len(list) != rows+1 {
		t.Fatalf("%d deliveries, %v, %v", len(list), err, broken)
	}
	if got.longest > 1000 || got.Header().Get("Content-Type") != "application/json" {
		t.Errorf("a write of %d bytes, type %q", got.longest, got.Header().Get("Content-Type"))
	}
	if !slices.IsSortedFunc(list, func(a, b api.Delivery) int { return b.Row - a.Row }) {
		t.Error("not newest first")
	}
	gone, broken := ask(10, "limit=0")
	if err, ok := broken.(error); !ok || !errors.Is(err, http.ErrAbortHandler) || gone.writes != 11 {
		t.Errorf("a client that is gone: %d writes, %v; want the 11th to end it", gone.writes, broken)
	}
	if got, _ := ask(0, "state=sent"); got.Body.String() != "[]\n" {
		t.Errorf("an empty list is %q", got.Body.String())
	}
	if got, _ := ask(0, "before=old/x"); got.Code != http.StatusBadRequest {
		t.Errorf("a wrong query: %d %s", got.Code, got.Body)
	}
}
