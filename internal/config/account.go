package config

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// maxConcurrent is CleverTap's limit of parallel requests
// (https://developer.clevertap.com/docs/api-request-limit).
const maxConcurrent = 15

// regions returns the CleverTap regions that the client has a host for.
func regions() []string { return []string{"eu1", "in1", "sg1", "sk1", "us1", "aps3", "mec1"} }

// regionCode matches what looks like a CleverTap region: an unknown one may be newer than rowtap.
var regionCode = regexp.MustCompile(`^[a-z]{2,4}[0-9]{1,2}$`)

// accountName matches the names of accounts and zaps, which appear in URLs, file names and metrics.
var accountName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$`)

// nameRule describes accountName.
const nameRule = "a name has letters a-z, digits, '.', '_' and '-', at most 64, the first a letter or digit"

// fileText returns the absolute path and the content of the file that a value names. It reports
// errors and then returns false.
func (v value) fileText() (path string, text []byte, ok bool) {
	name, ok := v.filled()
	if !ok {
		return "", nil, false
	}
	path = resolvePath(v.f.expand.dir, name)
	v.f.expand.isSecret(path)
	text, err := readFile(path, maxSecretFile)
	if err != nil {
		v.wrong(v.credentialHint(err), "%s %v", strings.TrimSpace(v.shown()), err)
		v.f.found[len(v.f.found)-1].Outside = true
		return "", nil, false
	}
	return path, text, true
}

// credentialsKind is the path of a Google key file.
var credentialsKind = custom("path", filledScalar, func(v value, to *string) {
	path, text, ok := v.fileText()
	if !ok {
		return
	}
	*to = path
	if problem, hint := checkCredentials(text); problem != "" {
		v.wrong(hint, "%s", problem)
	}
}, nil)

// checkCredentials returns what is wrong with a Google key and how to fix it, or "". It quotes
// nothing but the key's type (https://google.aip.dev/auth/4110). Types other than these two can
// make the client call any URL and run any program.
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
		return "is the file of an OAuth client, which cannot read sheets", want
	case key.Type == nil:
		return `is JSON without a "type", not a Google key`, want
	}
	switch t := *key.Type; t {
	case "service_account", "authorized_user":
		return "", ""
	case "external_account", "external_account_authorized_user", "impersonated_service_account", "gdch_service_account":
		return fmt.Sprintf("is a key of type %s; only service_account and authorized_user are supported", t), want
	}
	return "is a key of an unknown type; only service_account and authorized_user are supported", want
}

// headerText matches what headerValue accepts.
var headerText = shaped(`^\s*[!-~]+\s*$`, scalars...)

// accountIDKind is the ID of a CleverTap account.
var accountIDKind = parsed("text", headerText, func(_ value, text string) (string, string, string) {
	if !headerValue(text) {
		return "", "contains spaces or characters that are not allowed in an account ID", ""
	}
	return text, "", ""
})

// regionKind is one of the known regions.
var regionKind = func() kind[string] {
	k := choice(regions()...)
	k.read = parsed("", nil, func(v value, text string) (string, string, string) {
		if slices.Contains(regions(), text) {
			return text, "", ""
		}
		hint := didYouMean(text, regions())
		if code := strings.ToLower(text); regionCode.MatchString(code) && !slices.Contains(regions(), code) {
			if !strings.HasSuffix(hint, "?") {
				hint += "."
			}
			if v.expanded { // the value of a variable is not shown
				code = "REGION"
			}
			hint += " For a region newer than this rowtap, set endpoint: https://" + code + ".api.clevertap.com instead of region"
		}
		return "", "%q is not known", hint
	}).read
	return k
}()

// regionHint returns the hint for a missing region.
func regionHint() string {
	return "one of: " + strings.Join(regions(), ", ") + "; the dashboard's address begins with it"
}

// passcodeKind is a passcode in rowtap.yaml.
var passcodeKind = secret("text", headerText, func(text string) (problem, hint string) {
	if !headerValue(text) {
		problem = "the passcode contains spaces, line breaks or other characters that are not allowed"
	}
	return problem, ""
})

// passcodeFileKind is the path of a file that holds the passcode.
var passcodeFileKind = secretFile("passcode", passcodeKind, func(a *CleverTapAccount, path string) *Secret {
	a.PasscodeFile = path
	return &a.Passcode
})

// secretFile returns a kind of paths of files that hold a secret of kind k. at is told the path, and
// returns where the secret belongs. Surrounding white space is removed: a line break at the end of
// the file is the most common mistake (https://developer.clevertap.com/docs/authentication).
func secretFile[T any](what string, k kind[Secret], at func(to *T, path string) *Secret) kind[T] {
	return custom("path", filledScalar, func(v value, to *T) {
		path, content, ok := v.fileText()
		if !ok {
			return
		}
		secret := at(to, path)
		text := strings.TrimPrefix(string(content), "\ufeff")
		if strings.TrimSpace(text) == "" {
			v.wrong("", "the file %s contains no %s", strings.TrimSpace(v.shown()), what)
			return
		}
		v.node = &node{kind: scalar, text: text, line: v.line, column: v.column}
		k.read(v, secret)
	}, func(T) any { return nil }) // the key with the secret is printed instead
}

// googleAccountKind and cleverTapAccountKind are names of accounts in rowtap.yaml.
var (
	googleAccountKind = account("google_accounts",
		func(c *Config) map[string]*GoogleAccount { return c.GoogleAccounts }, func(a *GoogleAccount) string { return a.Name })
	cleverTapAccountKind = account("clevertap_accounts",
		func(c *Config) map[string]*CleverTapAccount { return c.CleverTapAccounts }, func(a *CleverTapAccount) string { return a.Name })
)

// headerValue reports whether s can be sent as the value of an HTTP header: it has visible ASCII
// characters only.
func headerValue(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r > '~' })
}
