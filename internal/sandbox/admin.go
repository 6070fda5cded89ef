package sandbox

import (
	"errors"
	"fmt"
	"net/http"
	"strconv"
)

const maxAdminBody = 64 << 20

// adminRoutes adds /admin/…, see the package documentation.
func (s *Sandbox) adminRoutes(mux *http.ServeMux) {
	s.sheetRoutes(mux)
	s.clevertapRoutes(mux)
	mux.HandleFunc("GET /admin/key", s.getKey)
	mux.Handle("GET /admin/events", s.events)
	mux.HandleFunc("/admin/", func(w http.ResponseWriter, r *http.Request) {
		writeProblem(w, http.StatusNotFound, fmt.Errorf("no such route: %s %s; for the list run: go doc ./internal/sandbox", r.Method, r.URL.Path))
	})
}

func (s *Sandbox) clevertapRoutes(mux *http.ServeMux) {
	mux.HandleFunc("GET /admin/clevertap/records", func(w http.ResponseWriter, r *http.Request) {
		q := r.URL.Query()
		since, err := number64(q.Get("since"))
		limit, err2 := number64(q.Get("limit"))
		if err := errors.Join(err, err2); err != nil {
			writeProblem(w, http.StatusBadRequest, err)
			return
		}
		writeJSON(w, http.StatusOK, s.clevertap.Records(RecordQuery{
			Type: q.Get("type"), Identity: q.Get("identity"), Since: since, Limit: int(limit),
		}))
	})
	mux.HandleFunc("GET /admin/clevertap/counts", func(w http.ResponseWriter, _ *http.Request) {
		writeJSON(w, http.StatusOK, struct {
			Counts
			Reads int64 `json:"reads"`
		}{s.clevertap.Counts(), s.Reads()})
	})
}

// getKey responds with a key file whose token endpoint is this server.
func (s *Sandbox) getKey(w http.ResponseWriter, r *http.Request) {
	keyFile := s.ServiceAccountKey
	switch kind := r.URL.Query().Get("type"); kind {
	case "", "service_account":
	case "authorized_user":
		keyFile = s.AuthorizedUserKey
	default:
		writeProblem(w, http.StatusBadRequest, fmt.Errorf("type must be service_account or authorized_user, not %q", kind))
		return
	}
	key, err := keyFile("http://" + r.Host + "/token")
	if err != nil {
		writeProblem(w, http.StatusInternalServerError, err)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	_, _ = w.Write(append(key, '\n'))
}

func codeOf(err error) int {
	if errors.Is(err, ErrUnknown) {
		return http.StatusNotFound
	}
	return http.StatusBadRequest
}

func writeProblem(w http.ResponseWriter, code int, err error) {
	writeJSON(w, code, object{{"error", err.Error()}})
}

func number64(s string) (int64, error) {
	if s == "" {
		return 0, nil
	}
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil || n < 0 {
		return 0, fmt.Errorf("%q is not a count", s)
	}
	return n, nil
}
