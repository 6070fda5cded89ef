package sandbox

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"html"
	"maps"
	"net/http"
	"strings"
)

// GoogleError is an error response of Google's APIs (https://google.aip.dev/193).
type GoogleError struct {
	Code    int    // HTTP status
	Status  string // google.rpc.Code
	Message string
	Reason  string // in the legacy "errors" array
	Details []any
	Header  http.Header
}

func (e *GoogleError) Error() string { return fmt.Sprintf("%d %s: %s", e.Code, e.Status, e.Message) }

// object is a JSON object with ordered members, like those in Google's streamed responses.
type object []member

type member struct {
	name  string
	value any // object, []object or any other value for encoding/json
}

func (o object) MarshalJSON() ([]byte, error) {
	var b bytes.Buffer
	b.WriteByte('{')
	for i, m := range o {
		if i > 0 {
			b.WriteByte(',')
		}
		name, err := json.Marshal(m.name)
		if err != nil {
			return nil, err
		}
		value, err := json.Marshal(m.value)
		if err != nil {
			return nil, err
		}
		b.Write(name)
		b.WriteByte(':')
		b.Write(value)
	}
	b.WriteByte('}')
	return b.Bytes(), nil
}

const errorInfo = "type.googleapis.com/google.rpc.ErrorInfo"

func invalidArgument(message string) *GoogleError {
	return &GoogleError{Code: http.StatusBadRequest, Status: "INVALID_ARGUMENT", Reason: "badRequest", Message: message}
}

// invalidField returns a 400 that names the parameter.
func invalidField(field, message, description string) *GoogleError {
	e := invalidArgument(message)
	e.Details = []any{object{
		{"@type", "type.googleapis.com/google.rpc.BadRequest"},
		{"fieldViolations", []object{{{"field", field}, {"description", description}}}},
	}}
	return e
}

// NotFound is the response to a read of a spreadsheet that does not exist.
func NotFound() *GoogleError {
	return &GoogleError{Code: http.StatusNotFound, Status: "NOT_FOUND", Reason: "notFound", Message: "Requested entity was not found."}
}

func notEmulated(what string) *GoogleError {
	return &GoogleError{
		Code: http.StatusNotImplemented, Status: "UNIMPLEMENTED", Reason: "notImplemented",
		Message: "The rowtap sandbox does not emulate " + what + ".",
	}
}

// Anonymous is the response to a request without credentials.
func Anonymous() *GoogleError {
	return &GoogleError{
		Code: http.StatusForbidden, Status: "PERMISSION_DENIED", Reason: "forbidden",
		Message: "Method doesn't allow unregistered callers (callers without established identity). " +
			"Please use API Key or other form of API consumer identity to call this API.",
	}
}

// BadToken is the response to an access token that is unknown or has expired.
func BadToken() *GoogleError {
	return &GoogleError{
		Code: http.StatusUnauthorized, Status: "UNAUTHENTICATED", Reason: "authError",
		Message: "Request had invalid authentication credentials. Expected OAuth 2 access token, login cookie or other valid " +
			"authentication credential. See https://developers.google.com/identity/sign-in/web/devconsole-project.",
		Details: []any{object{
			{"@type", errorInfo},
			{"reason", "ACCESS_TOKEN_EXPIRED"},
			{"domain", "googleapis.com"},
			{"metadata", object{{"service", "sheets.googleapis.com"}}},
		}},
		Header: http.Header{"Www-Authenticate": {`Bearer realm="https://accounts.google.com/", error="invalid_token"`}},
	}
}

// ScopeInsufficient is the response to a token whose scopes do not include the method.
func ScopeInsufficient(method string) *GoogleError {
	return &GoogleError{
		Code: http.StatusForbidden, Status: "PERMISSION_DENIED", Reason: "insufficientPermissions",
		Message: "Request had insufficient authentication scopes.",
		Details: []any{object{
			{"@type", errorInfo},
			{"reason", "ACCESS_TOKEN_SCOPE_INSUFFICIENT"},
			{"domain", "googleapis.com"},
			{"metadata", object{{"method", method}, {"service", "sheets.googleapis.com"}}},
		}},
		Header: http.Header{"Www-Authenticate": {
			`Bearer realm="https://accounts.google.com/", error="insufficient_scope", scope="` + strings.Join(readScopes, " ") + `"`,
		}},
	}
}

// QuotaExceeded is the response to a read beyond limit reads per minute.
func QuotaExceeded(limit int) *GoogleError {
	const per = "Read requests per minute per user"
	return &GoogleError{
		Code: http.StatusTooManyRequests, Status: "RESOURCE_EXHAUSTED", Reason: "rateLimitExceeded",
		Message: "Quota exceeded for quota metric 'Read requests' and limit '" + per +
			"' of service 'sheets.googleapis.com' for consumer 'project_number:" + projectNumber + "'.",
		Details: []any{
			object{
				{"@type", errorInfo},
				{"reason", "RATE_LIMIT_EXCEEDED"},
				{"domain", "googleapis.com"},
				{"metadata", object{
					{"service", "sheets.googleapis.com"},
					{"consumer", "projects/" + projectNumber},
					{"quota_unit", "1/min/{project}/{user}"},
					{"quota_location", "global"},
					{"quota_metric", "sheets.googleapis.com/read_requests"},
					{"quota_limit", "ReadRequestsPerMinutePerUser"},
					{"quota_limit_value", fmt.Sprint(limit)},
				}},
			},
			object{
				{"@type", "type.googleapis.com/google.rpc.Help"},
				{"links", []object{{
					{"description", "Request a higher quota limit."},
					{"url", "https://cloud.google.com/docs/quotas/help/request_increase"},
				}}},
			},
		},
	}
}

// writeGoogle writes v as the Sheets API does: pretty-printed by default, and gzipped if accepted.
func writeGoogle(w http.ResponseWriter, r *http.Request, code int, v any) {
	body, err := json.Marshal(v)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	if p := r.URL.Query().Get("prettyPrint"); p != "false" {
		var pretty bytes.Buffer
		if err := json.Indent(&pretty, body, "", "  "); err == nil {
			body = pretty.Bytes()
		}
	}
	body = append(body, '\n')
	h := w.Header()
	h.Set("Content-Type", "application/json; charset=UTF-8")
	h["Vary"] = []string{"Origin", "X-Origin", "Referer"}
	h.Set("Cache-Control", "private")
	h.Set("Server", "ESF")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("X-Frame-Options", "SAMEORIGIN")
	if !strings.Contains(r.Header.Get("Accept-Encoding"), "gzip") {
		w.WriteHeader(code)
		_, _ = w.Write(body) // a client that disconnected does not matter
		return
	}
	h.Set("Content-Encoding", "gzip")
	w.WriteHeader(code)
	z, err := gzip.NewWriterLevel(w, gzip.BestSpeed)
	if err == nil {
		_, _ = z.Write(body)
		_ = z.Close()
	}
}

// WriteGoogleError writes the error envelope. Clients made from the discovery document, which send
// alt=json, also get the legacy "errors" array; $.xgafv overrides this.
func WriteGoogleError(w http.ResponseWriter, r *http.Request, e *GoogleError) {
	maps.Copy(w.Header(), e.Header)
	body := object{{"code", e.Code}, {"message", e.Message}}
	q := r.URL.Query()
	if v := q.Get("$.xgafv"); v == "1" || v == "" && q.Get("alt") == "json" {
		body = append(body, member{"errors", []object{{{"message", e.Message}, {"domain", "global"}, {"reason", e.Reason}}}})
	}
	body = append(body, member{"status", e.Status})
	if len(e.Details) > 0 {
		body = append(body, member{"details", e.Details})
	}
	writeGoogle(w, r, e.Code, object{{"error", body}})
}

// writeGooglePage responds as Google's front end does for a path without an API.
func writeGooglePage(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "text/html; charset=UTF-8")
	w.WriteHeader(http.StatusNotFound)
	_, _ = fmt.Fprintf(w, "<!DOCTYPE html>\n<html lang=en>\n<title>Error 404 (Not Found)!!1</title>\n"+
		"<p><b>404.</b> That's an error.<p>The requested URL <code>%s</code> was not found on this server.\n", html.EscapeString(r.URL.Path))
}
