package sheets

import (
	"fmt"
	"net/url"
	"slices"
	"strings"

	"google.golang.org/api/googleapi"
)

// forbidden completes the error of a 403. It distinguishes the causes by the error's details
// (https://cloud.google.com/apis/design/errors#error_info) and by its message, because clients
// other than Google's own get no legacy reasons and many a 403 has no details. The default is a
// spreadsheet that is not shared, with the message "The caller does not have permission".
//
// Reported bodies: scopes https://github.com/googleworkspace/java-samples/issues/110, API not
// enabled https://github.com/burnash/gspread/issues/1286, project deleted
// https://github.com/nithinmurali/pygsheets/issues/86, no identity
// https://github.com/chicago-tool-library/circulate/issues/1437, domain policy
// https://developers.google.com/workspace/drive/api/guides/handle-errors.
func (a *Account) forbidden(e *Error, t target, conn *connection, api *googleapi.Error) {
	reasons, text := reasonsOf(api), strings.ToLower(api.Message)
	has := func(names ...string) bool {
		return slices.ContainsFunc(names, func(n string) bool { return slices.Contains(reasons, n) })
	}
	says := func(words ...string) bool {
		return slices.ContainsFunc(words, func(part string) bool { return strings.Contains(text, part) })
	}
	switch {
	case says("quota project"), has("USER_PROJECT_DENIED"):
		e.Kind = Disabled
		e.Hint = "set a quota project: gcloud auth application-default set-quota-project PROJECT, or use a service account key"
	case says("unregistered caller", "api key", "unauthenticated use"), has("dailyLimitExceededUnreg"):
		e.Kind = Unauthorized
		e.Hint = "check the account's endpoint, and any proxy in between: the request reached Google without its Authorization header"
		if conn.open {
			e.Hint = fmt.Sprintf("set credentials_file of google account %s: it has no credentials", a.opts.Name)
		}
	case has("CONSUMER_INVALID", "CONSUMER_SUSPENDED", "BILLING_DISABLED"), says("cannot be used for api calls", "has been suspended", "has been deleted"):
		e.Kind = Disabled
		e.Hint = "use a key of another Google Cloud project: this one is deleted or suspended"
	case has("SERVICE_DISABLED", "accessNotConfigured"), says("has not been used in project", "access not configured", "is not enabled", "it is disabled"):
		e.Kind = Disabled
		e.Hint = "enable the Google Sheets API in the credentials' project: " + enableLink(api)
	case has("ACCESS_TOKEN_SCOPE_INSUFFICIENT", "insufficientPermissions"), says("scope"),
		strings.Contains(api.Header.Get("Www-Authenticate"), "insufficient_scope"):
		e.Kind = Disabled
		e.Hint = "grant the scope " + readScope + " to the credentials (gcloud auth application-default login --scopes=" +
			"https://www.googleapis.com/auth/cloud-platform," + readScope + "), or use a service account key"
	case has("domainPolicy", "SECURITY_POLICY_VIOLATED"), says("domain admin", "domain policy", "policy of the domain", "organization's policy"):
		e.Kind = Disabled
		e.Hint = "ask the administrator of the Google Workspace domain to allow the credentials' app or service account to read Drive files: a policy forbids it"
	case has("rateLimitExceeded", "userRateLimitExceeded", "dailyLimitExceeded", "quotaExceeded", "RATE_LIMIT_EXCEEDED"),
		statusOf(api) == "RESOURCE_EXHAUSTED", says("quota", "limit exceeded"):
		e.Kind = Quota
		e.Hint = a.quotaHint()
	case api.Message == "":
		e.Kind = Bad
		e.Hint = "check the account's endpoint, and any proxy in between: the Sheets API does not refuse a read like this"
	default:
		e.Kind = NotShared
		who := "the Google user that the account signs in as"
		if conn.email != "" {
			who = conn.email
		}
		e.Message = fmt.Sprintf("%s is not shared with %s: %s", t, who, clean(api.Message))
		e.Hint = "share the spreadsheet with " + who + "; Viewer is enough"
	}
}

// enableLink returns the Google Cloud console page for enabling the API: the one in the error's
// details or message, else the general one.
func enableLink(api *googleapi.Error) string {
	candidates := strings.Fields(api.Message)
	for _, detail := range details(api) {
		if metadata, ok := detail["metadata"].(map[string]any); ok {
			if link, ok := metadata["activationUrl"].(string); ok {
				candidates = append(candidates, link)
			}
		}
		links, _ := detail["links"].([]any)
		for _, item := range links {
			if link, ok := item.(map[string]any); ok {
				if address, ok := link["url"].(string); ok {
					candidates = append(candidates, address)
				}
			}
		}
	}
	for _, word := range candidates {
		u, err := url.Parse(strings.TrimRight(word, ".,"))
		if err == nil && u.Scheme == "https" && strings.HasPrefix(u.Host, "console.") && strings.HasSuffix(u.Host, ".google.com") {
			return u.String()
		}
	}
	return "https://console.cloud.google.com/apis/library/sheets.googleapis.com"
}

// reasonsOf returns the machine-readable reasons of an error, in both of Google's formats.
func reasonsOf(api *googleapi.Error) []string {
	var reasons []string
	for _, item := range api.Errors {
		reasons = append(reasons, item.Reason)
	}
	for _, detail := range details(api) {
		if reason, ok := detail["reason"].(string); ok {
			reasons = append(reasons, reason)
		}
	}
	return reasons
}

// details returns the details of an error that are objects.
func details(api *googleapi.Error) []map[string]any {
	var objects []map[string]any
	for _, detail := range api.Details {
		if object, ok := detail.(map[string]any); ok {
			objects = append(objects, object)
		}
	}
	return objects
}
