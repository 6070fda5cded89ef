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

// googleError is an error as Google's APIs answer it (https://google.aip.dev/193).
type googleError struct {
	code    int
	status  string // google.rpc.Code
	message string
	reason  string // of the legacy "errors" array
	details []any
	header  http.Header
}

func (e *googleError) Error() string { return fmt.Sprintf("%d %s: %s", e.code, e.status, e.message) }

// object keeps the order of its members, as the streamed answers of Google do.
type object []member

type member struct {
	name  string
	value any // object, []object or anything that encoding/json takes
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

func invalidArgument(message string) *googleError {
	return &googleError{code: http.StatusBadRequest, status: "INVALID_ARGUMENT", reason: "badRequest", message: message}
}

// invalidField is a 400 that names the parameter it is about.
func invalidField(field, message, description string) *googleError {
	e := invalidArgument(message)
	e.details = []any{object{
		{"@type", "type.googleapis.com/google.rpc.BadRequest"},
		{"fieldViolations", []object{{{"field", field}, {"description", description}}}},
	}}
	return e
}

func notFound() *googleError {
	return &googleError{code: http.StatusNotFound, status: "NOT_FOUND", reason: "notFound", message: "Requested entity was not found."}
}

func notShared() *googleError {
	return &googleError{code: http.StatusForbidden, status: "PERMISSION_DENIED", reason: "forbidden", message: "The caller does not have permission"}
}

func officeFile() *googleError {
	return &googleError{
		code: http.StatusBadRequest, status: "FAILED_PRECONDITION", reason: "failedPrecondition",
		message: "This operation is not supported for this document",
	}
}

func notEmulated(what string) *googleError {
	return &googleError{
		code: http.StatusNotImplemented, status: "UNIMPLEMENTED", reason: "notImplemented",
		message: "The rowtap sandbox does not emulate " + what + ".",
	}
}

func anonymous() *googleError {
	return &googleError{
		code: http.StatusForbidden, status: "PERMISSION_DENIED", reason: "forbidden",
		message: "Method doesn't allow unregistered callers (callers without established identity). " +
			"Please use API Key or other form of API consumer identity to call this API.",
	}
}

func badToken() *googleError {
	return &googleError{
		code: http.StatusUnauthorized, status: "UNAUTHENTICATED", reason: "authError",
		message: "Request had invalid authentication credentials. Expected OAuth 2 access token, login cookie or other valid " +
			"authentication credential. See https://developers.google.com/identity/sign-in/web/devconsole-project.",
		details: []any{object{
			{"@type", errorInfo},
			{"reason", "ACCESS_TOKEN_EXPIRED"},
			{"domain", "googleapis.com"},
			{"metadata", object{{"service", "sheets.googleapis.com"}}},
		}},
		header: http.Header{"Www-Authenticate": {`Bearer realm="https://accounts.google.com/", error="invalid_token"`}},
	}
}

func scopeInsufficient(method string) *googleError {
	return &googleError{
		code: http.StatusForbidden, status: "PERMISSION_DENIED", reason: "insufficientPermissions",
		message: "Request had insufficient authentication scopes.",
		details: []any{object{
			{"@type", errorInfo},
			{"reason", "ACCESS_TOKEN_SCOPE_INSUFFICIENT"},
			{"domain", "googleapis.com"},
			{"metadata", object{{"method", method}, {"service", "sheets.googleapis.com"}}},
		}},
		header: http.Header{"Www-Authenticate": {
			`Bearer realm="https://accounts.google.com/", error="insufficient_scope", scope="` + strings.Join(readScopes, " ") + `"`,
		}},
	}
}

func quotaExceeded(limit int) *googleError {
	const per = "Read requests per minute per user"
	return &googleError{
		code: http.StatusTooManyRequests, status: "RESOURCE_EXHAUSTED", reason: "rateLimitExceeded",
		message: "Quota exceeded for quota metric 'Read requests' and limit '" + per +
			"' of service 'sheets.googleapis.com' for consumer 'project_number:" + projectNumber + "'.",
		details: []any{
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

// refusals are the 403s of Google's that are not about sharing, by the reason that a fault names them with. Bodies as they were
// reported: https://github.com/burnash/gspread/issues/1286 (SERVICE_DISABLED),
// https://developers.google.com/workspace/drive/api/guides/handle-errors (domainPolicy, rateLimitExceeded).
func refusals() map[string]*googleError {
	forbidden := func(reason, message string) *googleError {
		return &googleError{code: http.StatusForbidden, status: "PERMISSION_DENIED", reason: reason, message: message}
	}
	const enable = "https://console.developers.google.com/apis/api/sheets.googleapis.com/overview?project=" + projectNumber
	disabled := forbidden("accessNotConfigured", "Google Sheets API has not been used in project "+projectNumber+
		" before or it is disabled. Enable it by visiting "+enable+" then retry. If you enabled this API recently, wait a few "+
		"minutes for the action to propagate to our systems and retry.")
	disabled.details = []any{
		object{
			{"@type", "type.googleapis.com/google.rpc.Help"},
			{"links", []object{{{"description", "Google developers console API activation"}, {"url", enable}}}},
		},
		object{
			{"@type", errorInfo},
			{"reason", "SERVICE_DISABLED"},
			{"domain", "googleapis.com"},
			{"metadata", object{{"service", "sheets.googleapis.com"}, {"consumer", "projects/" + projectNumber}}},
		},
	}
	return map[string]*googleError{
		"ACCESS_TOKEN_SCOPE_INSUFFICIENT": scopeInsufficient("google.apps.sheets.v4.SpreadsheetsService.BatchGetValues"),
		"SERVICE_DISABLED":                disabled,
		"domainPolicy":                    forbidden("domainPolicy", "The domain administrators have disabled Drive apps."),
		"rateLimitExceeded":               forbidden("rateLimitExceeded", "Rate Limit Exceeded"),
		"unregistered":                    anonymous(),
	}
}

// statusOf returns the error that Google answers with a bare HTTP status, for faults.
func statusOf(code int) *googleError {
	switch code {
	case http.StatusUnauthorized:
		return badToken()
	case http.StatusForbidden:
		return notShared()
	case http.StatusNotFound:
		return notFound()
	case http.StatusConflict:
		return &googleError{code: code, status: "ABORTED", reason: "aborted", message: "The operation was aborted."}
	case 499:
		return &googleError{code: code, status: "CANCELLED", reason: "backendError", message: "The operation was cancelled."}
	case http.StatusTooManyRequests:
		return quotaExceeded(defaultReads)
	case http.StatusInternalServerError:
		return &googleError{code: code, status: "INTERNAL", reason: "backendError", message: "Internal error encountered."}
	case http.StatusServiceUnavailable:
		return &googleError{code: code, status: "UNAVAILABLE", reason: "backendError", message: "The service is currently unavailable."}
	}
	return &googleError{code: code, status: "UNKNOWN", reason: "backendError", message: http.StatusText(code)}
}

// writeGoogle answers v as the Sheets API does: pretty-printed unless told otherwise, gzipped where that is accepted.
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
		_, _ = w.Write(body) // a reader that is gone is its own loss
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

// writeGoogleError answers the error envelope. Clients made from the discovery document, which say alt=json, also get
// the legacy "errors" array; $.xgafv chooses outright.
func writeGoogleError(w http.ResponseWriter, r *http.Request, e *googleError) {
	maps.Copy(w.Header(), e.header)
	body := object{{"code", e.code}, {"message", e.message}}
	q := r.URL.Query()
	if v := q.Get("$.xgafv"); v == "1" || v == "" && q.Get("alt") == "json" {
		body = append(body, member{"errors", []object{{{"message", e.message}, {"domain", "global"}, {"reason", e.reason}}}})
	}
	body = append(body, member{"status", e.status})
	if len(e.details) > 0 {
		body = append(body, member{"details", e.details})
	}
	writeGoogle(w, r, e.code, object{{"error", body}})
}

// writeGooglePage answers as Google's front end does where no API is.
func writeGooglePage(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "text/html; charset=UTF-8")
	w.WriteHeader(http.StatusNotFound)
	_, _ = fmt.Fprintf(w, "<!DOCTYPE html>\n<html lang=en>\n<title>Error 404 (Not Found)!!1</title>\n"+
		"<p><b>404.</b> That's an error.<p>The requested URL <code>%s</code> was not found on this server.\n", html.EscapeString(r.URL.Path))
}
