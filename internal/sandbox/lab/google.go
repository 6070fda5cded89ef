package lab

import (
	"net/http"

	"github.com/rowtap/rowtap/internal/sandbox"
)

// refusals are Google's 403 responses that are not about sharing, by the name that a fault uses.
// The bodies are as reported: https://github.com/burnash/gspread/issues/1286 (SERVICE_DISABLED),
// https://developers.google.com/workspace/drive/api/guides/handle-errors (domainPolicy,
// rateLimitExceeded).
func refusals() map[string]*sandbox.GoogleError {
	forbidden := func(reason, message string) *sandbox.GoogleError {
		return &sandbox.GoogleError{Code: http.StatusForbidden, Status: "PERMISSION_DENIED", Reason: reason, Message: message}
	}
	const project = "123456789012"
	const enable = "https://console.developers.google.com/apis/api/sheets.googleapis.com/overview?project=" + project
	disabled := forbidden("accessNotConfigured", "Google Sheets API has not been used in project "+project+
		" before or it is disabled. Enable it by visiting "+enable+" then retry. If you enabled this API recently, wait a few "+
		"minutes for the action to propagate to our systems and retry.")
	disabled.Details = []any{
		map[string]any{
			"@type": "type.googleapis.com/google.rpc.Help",
			"links": []any{map[string]any{"description": "Google developers console API activation", "url": enable}},
		},
		map[string]any{
			"@type":    "type.googleapis.com/google.rpc.ErrorInfo",
			"reason":   "SERVICE_DISABLED",
			"domain":   "googleapis.com",
			"metadata": map[string]any{"service": "sheets.googleapis.com", "consumer": "projects/" + project},
		},
	}
	return map[string]*sandbox.GoogleError{
		"ACCESS_TOKEN_SCOPE_INSUFFICIENT": sandbox.ScopeInsufficient("google.apps.sheets.v4.SpreadsheetsService.BatchGetValues"),
		"SERVICE_DISABLED":                disabled,
		"domainPolicy":                    forbidden("domainPolicy", "The domain administrators have disabled Drive apps."),
		"rateLimitExceeded":               forbidden("rateLimitExceeded", "Rate Limit Exceeded"),
		"unregistered":                    sandbox.Anonymous(),
	}
}

// statusOf returns Google's error for an HTTP status.
func statusOf(code int) *sandbox.GoogleError {
	switch code {
	case http.StatusUnauthorized:
		return sandbox.BadToken()
	case http.StatusForbidden:
		return notShared()
	case http.StatusNotFound:
		return sandbox.NotFound()
	case http.StatusConflict:
		return &sandbox.GoogleError{Code: code, Status: "ABORTED", Reason: "aborted", Message: "The operation was aborted."}
	case 499:
		return &sandbox.GoogleError{Code: code, Status: "CANCELLED", Reason: "backendError", Message: "The operation was cancelled."}
	case http.StatusTooManyRequests:
		return sandbox.QuotaExceeded(60)
	case http.StatusInternalServerError:
		return &sandbox.GoogleError{Code: code, Status: "INTERNAL", Reason: "backendError", Message: "Internal error encountered."}
	case http.StatusServiceUnavailable:
		return &sandbox.GoogleError{Code: code, Status: "UNAVAILABLE", Reason: "backendError", Message: "The service is currently unavailable."}
	}
	return &sandbox.GoogleError{Code: code, Status: "UNKNOWN", Reason: "backendError", Message: http.StatusText(code)}
}

func notShared() *sandbox.GoogleError {
	return &sandbox.GoogleError{
		Code: http.StatusForbidden, Status: "PERMISSION_DENIED", Reason: "forbidden", Message: "The caller does not have permission",
	}
}

func officeFile() *sandbox.GoogleError {
	return &sandbox.GoogleError{
		Code: http.StatusBadRequest, Status: "FAILED_PRECONDITION", Reason: "failedPrecondition",
		Message: "This operation is not supported for this document",
	}
}
