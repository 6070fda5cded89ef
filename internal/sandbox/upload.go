package sandbox

import (
	"bytes"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"strings"
	"time"
	"unicode/utf8"
)

const (
	maxRecords = 1000
	// CleverTap's own limit is not documented; third parties advise less than 5 MB.
	maxUploadBody = 5 << 20
)

// handler serves /1/.
func (c *CleverTap) handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /1/upload", c.upload)
	mux.HandleFunc("GET /1/profile.json", c.getProfile)
	mux.HandleFunc("/1/upload", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Allow", "POST")
		writeFail(w, http.StatusMethodNotAllowed, "Method not allowed")
	})
	mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) { writeFail(w, http.StatusNotFound, "Not found") })
	return c.limited(c.opts.Hooks.Wrap("clevertap", mux))
}

// limited refuses requests beyond the allowed concurrency
// (https://developer.clevertap.com/docs/api-request-limit).
func (c *CleverTap) limited(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c.mu.Lock()
		tooMany := c.inFlight >= c.opts.MaxConcurrent
		if tooMany {
			c.counts.TooMany++
		} else {
			c.inFlight++
			c.counts.MostConcurrent = max(c.counts.MostConcurrent, c.inFlight)
		}
		c.mu.Unlock()
		if tooMany {
			writeFail(w, http.StatusTooManyRequests, "Too many concurrent requests")
			return
		}
		defer func() {
			c.mu.Lock()
			c.inFlight--
			c.mu.Unlock()
		}()
		h.ServeHTTP(w, r)
	})
}

// authorized compares the credentials without trimming, and responds with 401 if they are wrong.
func (c *CleverTap) authorized(w http.ResponseWriter, r *http.Request) bool {
	same := func(header, want string) bool {
		return subtle.ConstantTimeCompare([]byte(r.Header.Get(header)), []byte(want)) == 1
	}
	switch {
	case !same("X-CleverTap-Account-Id", c.opts.AccountID):
		writeFail(w, http.StatusUnauthorized, "Account ID is not valid")
	case !same("X-CleverTap-Passcode", c.opts.Passcode):
		writeFail(w, http.StatusUnauthorized, "Passcode Invalid")
	default:
		return true
	}
	return false
}

// upload implements https://developer.clevertap.com/docs/upload-user-profiles-api and
// upload-events-api.
func (c *CleverTap) upload(w http.ResponseWriter, r *http.Request) {
	c.mu.Lock()
	c.counts.Requests++
	c.mu.Unlock()
	if !c.authorized(w, r) {
		return
	}
	dryRun := r.URL.Query().Get("dryRun")
	if dryRun != "" && dryRun != "0" && dryRun != "1" {
		writeFail(w, http.StatusBadRequest, "dryRun needs to be 0 or 1")
		return
	}
	mediaType, params, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	charset := params["charset"]
	if err != nil || mediaType != "application/json" || charset != "" && !strings.EqualFold(charset, "utf-8") {
		writeFail(w, http.StatusBadRequest, "Content-Type needs to be application/json")
		return
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxUploadBody))
	if _, tooLarge := errors.AsType[*http.MaxBytesError](err); tooLarge {
		writeFail(w, http.StatusRequestEntityTooLarge, "Request entity too large")
		return
	}
	if err != nil {
		writeFail(w, http.StatusBadRequest, "Malformed request")
		return
	}
	records, raw, why := parseUpload(body)
	if why != "" {
		writeFail(w, http.StatusBadRequest, why)
		return
	}
	failed := c.take(records, raw, dryRun == "1")
	status := "success"
	switch {
	case len(failed) == len(records):
		status = "fail"
	case len(failed) > 0:
		status = "partial"
	}
	unprocessed, err := json.Marshal(failed)
	if err != nil {
		writeFail(w, http.StatusInternalServerError, "Internal server error")
		return
	}
	w.Header().Set("Content-Type", "application/json;charset=utf-8")
	_, _ = fmt.Fprintf(w, `{ "status" : %q , "processed" : %d , "unprocessed" : %s }`, status, len(records)-len(failed), unprocessed)
}

// parseUpload returns the records, decoded and as sent, or the text of a 400.
func parseUpload(body []byte) (records []any, raw []json.RawMessage, why string) {
	const malformed = "Malformed request"
	var envelope map[string]json.RawMessage
	if !utf8.Valid(body) || json.Unmarshal(body, &envelope) != nil {
		return nil, nil, malformed
	}
	d := bytes.TrimSpace(envelope["d"])
	if len(d) == 0 || d[0] != '[' || json.Unmarshal(d, &raw) != nil || len(raw) == 0 {
		return nil, nil, malformed
	}
	if len(raw) > maxRecords {
		return nil, nil, fmt.Sprintf("Only %d records are allowed per request", maxRecords)
	}
	records = make([]any, len(raw))
	for i, b := range raw {
		decoder := json.NewDecoder(bytes.NewReader(b))
		decoder.UseNumber()
		if decoder.Decode(&records[i]) != nil {
			return nil, nil, malformed
		}
	}
	return records, raw, ""
}

// take checks records and, unless it is a dry run, stores the valid ones. It returns an entry of
// "unprocessed" for each refused one.
func (c *CleverTap) take(records []any, raw []json.RawMessage, dryRun bool) []object {
	now := time.Now()
	failed := []object{}
	results := make([]checked, len(records))
	wrong := make([]*refused, len(records))
	for i, record := range records {
		results[i], wrong[i] = check(record)
	}
	c.mu.Lock()
	for i, record := range records {
		if wrong[i] == nil && !dryRun {
			wrong[i] = c.refusal(results[i])
		}
		if wrong[i] != nil {
			failed = append(failed, object{
				{"status", "fail"},
				{"code", wrong[i].code},
				{"error", fmt.Sprintf("%sSkipped record number : %d", wrong[i].text, i+1)},
				{"record", echo(record)},
			})
		} else if !dryRun {
			c.accept(results[i], raw[i], now)
		}
	}
	if dryRun {
		c.counts.DryRuns++
	} else {
		c.counts.Refused += int64(len(failed))
	}
	last := c.counts.Accepted
	c.mu.Unlock()
	c.publish("upload", object{
		{"accepted", len(records) - len(failed)}, {"refused", len(failed)}, {"dry_run", dryRun}, {"seq", last},
	})
	return failed
}

// getProfile implements https://developer.clevertap.com/docs/get-user-profiles-api for one profile.
func (c *CleverTap) getProfile(w http.ResponseWriter, r *http.Request) {
	if !c.authorized(w, r) {
		return
	}
	q := r.URL.Query()
	identity, objectID, email := q.Get("identity"), q.Get("objectId"), q.Get("email")
	p, ok := c.find(func(p *profile) bool {
		return identity != "" && p.id == profileID{"identity", identity} ||
			objectID != "" && p.id == profileID{"objectId", objectID} ||
			email != "" && p.data["Email"] == email
	})
	if !ok {
		writeFail(w, http.StatusNotFound, "Profile not found")
		return
	}
	writeJSON(w, http.StatusOK, object{{"status", "success"}, {"record", object{
		{p.IDKey, p.Identity}, {"profileData", p.Data}, {"events", p.Events}, {"platformInfo", []any{}},
	}}})
}

// writeFail responds to a request that is refused as a whole.
func writeFail(w http.ResponseWriter, code int, text string) {
	w.Header().Set("Content-Type", "application/json;charset=utf-8")
	w.WriteHeader(code)
	_, _ = fmt.Fprintf(w, `{ "status" : "fail" , "error" : %q , "code" : %d}`, text, code)
}

func writeJSON(w http.ResponseWriter, code int, v any) {
	body, err := json.Marshal(v)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(code)
	_, _ = w.Write(append(body, '\n'))
}
