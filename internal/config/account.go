package config

import (
	"encoding/json"
	"fmt"
	"math"
	"regexp"
	"slices"
	"strings"
)

const (
	defaultReads      = 60 // Sheets' read quota of a user and minute: https://developers.google.com/workspace/sheets/api/limits
	defaultConcurrent = 3
	maxConcurrent     = 15 // https://developer.clevertap.com/docs/api-request-limit
)

// regions are CleverTap's, those that the client has a host for.
func regions() []string { return []string{"eu1", "in1", "sg1", "sk1", "us1", "aps3", "mec1"} }

// regionCode is how CleverTap names its regions: one that is not known may be newer than rowtap.
var regionCode = regexp.MustCompile(`^[a-z]{2,4}[0-9]{1,2}$`)

// accountName is what accounts and zaps can be called: it stands in URLs, file names and metrics.
var accountName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$`)

// nameRule says what accountName is.
const nameRule = "a name has letters a-z, digits, '.', '_' and '-', at most 64, the first a letter or digit"

// accounts calls read with each account of a key's mapping. It returns false when the mapping itself was reported.
func (s *section) accounts(key string, read func(s *section, name string, pos Pos)) bool {
	n := s.get(key)
	if n == nil {
		return true
	}
	list := s.f.section(s.key(key), n, s.path(key))
	for _, p := range list.list {
		name := p.key.text
		if !accountName.MatchString(name) {
			s.f.report(p.key, "", "%s: cannot be an account's name; %s", list.path(s.f.keyName(p.key)), nameRule)
			s.f.hide(p.value)
			continue
		}
		account := s.f.section(p.key, p.value, list.path(name))
		read(account, name, s.f.pos(p.key.line, p.key.column))
		account.done()
	}
	return !list.void
}

// googleAccount reads one of google_accounts.
func (s *section) googleAccount(name string, pos Pos) *GoogleAccount {
	a := &GoogleAccount{
		Name:           name,
		Pos:            pos,
		ReadsPerMinute: s.integer("reads_per_minute", defaultReads, 1, math.MaxInt32),
		Endpoint:       s.endpoint("endpoint"),
	}
	path, text, ok := s.fileText("credentials_file")
	if !ok {
		return a
	}
	a.CredentialsFile = path
	if problem, suggestion := checkCredentials(text); problem != "" {
		s.f.report(s.pairs["credentials_file"].value, suggestion, "%s: %s", s.path("credentials_file"), problem)
	}
	return a
}

// fileText returns the absolute path and the content of the file that a key names. ok is false where the key is not
// there or was reported.
func (s *section) fileText(key string) (path string, text []byte, ok bool) {
	n := s.get(key)
	if n == nil {
		return "", nil, false
	}
	name, ok := s.f.filled(n, s.path(key))
	if !ok {
		return "", nil, false
	}
	path = resolvePath(s.f.expand.dir, name)
	text, err := readFile(path, maxSecretFile)
	if err != nil {
		s.f.report(n, "", "%s: %s %v", s.path(key), strings.TrimSpace(n.shown()), err)
		return "", nil, false
	}
	return path, text, true
}

// checkCredentials says what is wrong with a Google key, quoting nothing of it but its type
// (https://google.aip.dev/auth/4110). Other types than these two can make the client call any URL and run any program.
func checkCredentials(text []byte) (problem, suggestion string) {
	const want = "make a key of a service account in the Google Cloud console, or log in with gcloud auth application-default login"
	var key struct {
		Type      *string         `json:"type"`
		Installed json.RawMessage `json:"installed"`
		Web       json.RawMessage `json:"web"`
	}
	if err := json.Unmarshal(text, &key); err != nil {
		return "is not the JSON file of a Google key", want
	}
	switch {
	case key.Installed != nil || key.Web != nil:
		return "is the file of an OAuth client, which is no key to any sheet", want
	case key.Type == nil:
		return `is JSON without a "type", not a Google key`, want
	}
	switch t := *key.Type; t {
	case "service_account", "authorized_user":
		return "", ""
	case "external_account", "external_account_authorized_user", "impersonated_service_account", "gdch_service_account":
		return fmt.Sprintf("is a key of type %s; only service_account and authorized_user are used", t), want
	}
	return "is a key of an unknown type; only service_account and authorized_user are used", want
}

// cleverTapAccount reads one of clevertap_accounts.
func (s *section) cleverTapAccount(name string, pos Pos) *CleverTapAccount {
	a := &CleverTapAccount{
		Name:          name,
		Pos:           pos,
		Endpoint:      s.endpoint("endpoint"),
		MaxConcurrent: s.integer("max_concurrent", defaultConcurrent, 1, maxConcurrent),
		OnUnknown:     choice(s, "on_unknown", Resend, Resend, Hold),
	}
	a.Passcode, a.PasscodeFile = s.passcode()
	if n := s.require("account_id", "it is the Project ID in CleverTap's Settings > Project"); n != nil {
		if id, ok := s.f.filled(n, s.path("account_id")); ok && headerValue(id) {
			a.AccountID = id
		} else if ok {
			s.f.report(n, "", "%s: holds spaces or characters that no account id has", s.path("account_id"))
		}
	}
	a.Region = s.region()
	if _, endpoint := s.pairs["endpoint"]; !endpoint && s.pairs["region"].value == nil {
		s.missing("region", "one of: "+strings.Join(regions(), ", ")+"; the dashboard's address begins with it")
	}
	return a
}

// region reads the region, one of those known; "" where it is not there or was reported.
func (s *section) region() string {
	n := s.get("region")
	if n == nil {
		return ""
	}
	text, ok := s.f.filled(n, s.path("region"))
	if !ok || slices.Contains(regions(), text) {
		return text
	}
	suggestion := didYouMean(text, regions())
	if code := strings.ToLower(text); regionCode.MatchString(code) && !slices.Contains(regions(), code) {
		if !strings.HasSuffix(suggestion, "?") {
			suggestion += "."
		}
		if n.expanded { // a variable's value is not shown
			code = "REGION"
		}
		suggestion += " A region newer than this rowtap is reached by endpoint: https://" + code + ".api.clevertap.com in place of region"
	}
	s.f.report(n, suggestion, "%s: %q is not known", s.path("region"), n.shown())
	return ""
}

// passcode reads passcode or passcode_file, and returns the path of the latter. White space around it goes: a line break at the end of a passcode file is
// the most common mistake (https://developer.clevertap.com/docs/authentication).
func (s *section) passcode() (passcode Secret, path string) {
	inline, inFile := s.get("passcode"), s.pairs["passcode_file"].value
	path, text, fileOK := s.fileText("passcode_file")
	var value string
	at, key := inline, "passcode"
	switch {
	case inline != nil && inFile != nil:
		s.f.report(s.key("passcode_file"), "keep one of them", "%s: passcode and passcode_file are both given", s.name)
		return Secret{}, ""
	case inline == nil && inFile == nil:
		s.missing("passcode", "name a file in passcode_file:, or write passcode: ${NAME}")
		return Secret{}, ""
	case inline != nil:
		trimmed, ok := s.f.filled(inline, s.path(key))
		if !ok {
			return Secret{}, ""
		}
		value = trimmed
	case !fileOK:
		return Secret{}, ""
	default:
		at, key = inFile, "passcode_file"
		value = strings.TrimSpace(strings.TrimPrefix(string(text), "\ufeff"))
	}
	switch {
	case value == "":
		s.f.report(at, "", "%s: the file %s holds no passcode", s.path(key), strings.TrimSpace(at.shown()))
	case !headerValue(value):
		s.f.report(at, "", "%s: the passcode holds spaces, line breaks or characters that no passcode has", s.path(key))
	default:
		return NewSecret(value), path
	}
	return Secret{}, ""
}

// headerValue tells whether a text can be sent as the value of an HTTP header: visible ASCII alone.
func headerValue(s string) bool {
	for _, c := range []byte(s) {
		if c <= ' ' || c > '~' {
			return false
		}
	}
	return true
}
