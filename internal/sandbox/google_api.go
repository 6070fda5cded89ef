package sandbox

import (
	"errors"
	"net/http"
	"strings"
	"sync"
	"time"
)

const defaultReads = 60

// googleAPI serves the read methods of
// https://developers.google.com/workspace/sheets/api/reference/rest from Sheets.
type googleAPI struct {
	sheets *Sheets
	tokens *tokenServer
	quota  quota
	read   func(path string) // called for each read within the quota
}

// quota counts reads per principal in one-minute windows, which start with a principal's first
// read.
type quota struct {
	limit int // < 0: unlimited

	mu      sync.Mutex
	windows map[string]window
}

type window struct {
	began time.Time
	used  int
}

func (q *quota) take(principal string, now time.Time) bool {
	if q.limit < 0 {
		return true
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	w := q.windows[principal]
	if now.Sub(w.began) >= time.Minute {
		w = window{began: now}
	}
	if w.used >= q.limit {
		return false
	}
	w.used++
	q.windows[principal] = w
	return true
}

func (g *googleAPI) handler() http.Handler {
	const id = "/v4/spreadsheets/{id}"
	const service = "google.apps.sheets.v4.SpreadsheetsService."
	mux := http.NewServeMux()
	mux.Handle("GET "+id, g.method(service+"GetSpreadsheet", g.sheets.getSpreadsheet))
	mux.Handle("GET "+id+"/values/{range}", g.method(service+"GetValues", g.sheets.getValues))
	mux.Handle("GET "+id+"/values:batchGet", g.method(service+"BatchGetValues", g.sheets.batchGetValues))
	// Methods with a body need a write scope, which a read-only token lacks. They are not emulated
	// beyond that.
	mux.HandleFunc("POST "+id+"/values:batchGetByDataFilter", g.bodyMethod(service+"BatchGetValuesByDataFilter"))
	for _, method := range []string{"POST", "PUT", "DELETE"} {
		mux.HandleFunc(method+" /v4/spreadsheets/{rest...}", g.bodyMethod(service+"UpdateSpreadsheet"))
	}
	mux.HandleFunc("POST /v4/spreadsheets", g.bodyMethod(service+"CreateSpreadsheet"))
	mux.HandleFunc("/", writeGooglePage)
	return mux
}

// method returns a handler that authorizes a read, counts it, and writes the result of do.
func (g *googleAPI) method(name string, do func(*http.Request) (object, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		// {id}:developerMetadata and other custom methods; none of them is a GET.
		if strings.Contains(r.PathValue("id"), ":") {
			writeGooglePage(w, r)
			return
		}
		principal, refused := g.tokens.authorize(r, readScopes, name)
		if refused != nil {
			WriteGoogleError(w, r, refused)
			return
		}
		if !g.quota.take(principal, time.Now()) {
			WriteGoogleError(w, r, QuotaExceeded(g.quota.limit))
			return
		}
		g.read(r.URL.Path)
		answer, err := do(r)
		if err == nil {
			writeGoogle(w, r, http.StatusOK, answer)
			return
		}
		if !errors.As(err, &refused) {
			refused = &GoogleError{Code: http.StatusInternalServerError, Status: "INTERNAL", Reason: "backendError", Message: err.Error()}
		}
		WriteGoogleError(w, r, refused)
	}
}

func (g *googleAPI) bodyMethod(name string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		_, refused := g.tokens.authorize(r, writeScopes, name)
		if refused == nil {
			refused = notEmulated(name)
		}
		WriteGoogleError(w, r, refused)
	}
}
