package web

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"
	"time"

	"github.com/rowtap/rowtap/internal/ledger"
	"github.com/rowtap/rowtap/internal/row"
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

// TestALongListIsWrittenAsItIsRead: no write has more than one delivery, and a client that goes away ends the reading.
func TestALongListIsWrittenAsItIsRead(t *testing.T) {
	h, e := open(t)
	const rows = 2500
	p := ledger.Poll{
		SpreadsheetID: "book", Title: "Signups", Cursor: cursorIn([]byte{1}),
		Header: row.HeaderOf([]string{"Email"}), Action: "upload_event", At: time.Date(2026, 11, 24, 11, 0, 0, 0, time.UTC),
	}
	for i := range rows {
		p.New = append(p.New, ledger.NewRow{State: ledger.Held, Row: row.Row{Number: i + 10, Cells: []row.Cell{row.TextCell("a@example.com")}}})
	}
	if _, err := e.Ledger().Commit(t.Context(), "old", p); err != nil {
		t.Fatal(err)
	}
	ask := func(most int, query string) (p *pieces, broken any) {
		p = &pieces{ResponseRecorder: httptest.NewRecorder(), most: most}
		req := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "http://localhost/api/v1/deliveries?"+query, nil)
		req.Header.Set("Authorization", "Bearer "+token)
		defer func() { broken = recover() }()
		h.ServeHTTP(p, req)
		return p, nil
	}
	var list []Delivery
	got, broken := ask(0, "limit=0")
	if err := json.Unmarshal(got.Body.Bytes(), &list); err != nil || broken != nil || len(list) != rows+1 {
		t.Fatalf("%d deliveries, %v, %v", len(list), err, broken)
	}
	if got.longest > 1000 || got.Header().Get("Content-Type") != "application/json" {
		t.Errorf("a write of %d bytes, type %q", got.longest, got.Header().Get("Content-Type"))
	}
	if !slices.IsSortedFunc(list, func(a, b Delivery) int { return b.Row - a.Row }) {
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
