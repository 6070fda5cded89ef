package ui_test

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.uber.org/zap"

	"github.com/rowtap/rowtap/internal/config"
	"github.com/rowtap/rowtap/internal/web"
	"github.com/rowtap/rowtap/internal/web/webtest"
)

const shownZap = `enabled: true
schedule: "@every 1h"
trigger: {app: google_sheets, event: new_spreadsheet_row, account: marketing, spreadsheet: book, worksheet: Signups}
action: {app: clevertap, event: create_update_user_profile, account: production, identity: "{{Email}}", properties: {Source: "<b>${ROWTAP_VAR_SOURCE}</b>"}}
tests:
  - row: &asha {Email: asha@example.com}
    record: {identity: asha@example.com}
  - row: *asha
    record: {identity: asha@example.com}
redact: [Email]
`

// TestTheFileOfAZap: the page shows the file on disk with its line numbers, and what check says of
// it if it is not the one that runs.
func TestTheFileOfAZap(t *testing.T) {
	t.Setenv("ROWTAP_VAR_SOURCE", "expanded")
	e := webtest.New(t, "signups", "other")
	dir := e.Config().Dir
	file := filepath.Join(dir, "zaps/signups.yaml")
	write := func(text string) { t.Helper(); must(t, os.WriteFile(file, []byte(text), 0o600)) }
	write(shownZap)
	must(t, e.Reload(t.Context()))
	h := web.New(web.Options{Engine: e.Engine, Token: config.NewSecret(testToken), Log: zap.NewNop()})
	b := webtest.NewBrowser(t, h)
	b.Get("/?token=" + testToken)
	get := func(what string, has ...string) string {
		t.Helper()
		status, _, body := b.Get("/zaps/signups/file")
		b.Sees(what, status, 200, body, has...)
		for _, never := range []string{"asha@", "expanded", "<b>$", "passcode", "account_id"} {
			if strings.Contains(body, never) {
				t.Errorf("%s: the page has %s", what, never)
			}
		}
		return body
	}
	lacks := func(what, body string, texts ...string) {
		t.Helper()
		for _, text := range texts {
			if strings.Contains(body, text) {
				t.Errorf("%s: the page has %q", what, text)
			}
		}
	}
	const reload = `<form class="actions" method="post" action="/reload">`

	status, _, body := b.Get("/zaps/signups")
	b.Sees("link", status, 200, body, `<a href="/zaps/signups/file"><code>`+file+`</code></a>`)
	body = get("as loaded", "is what runs", `<li value="4" id="L4"><code>action: {app`, "&lt;b&gt;${ROWTAP_VAR_SOURCE}&lt;/b&gt;",
		`<li value="5" class="left-out">to 9: tests are not shown</li><li value="10" id="L10"><code>redact: [Email]</code></li>`)
	lacks("as loaded", body, "differs", reload)

	write(strings.Replace(shownZap, "redact: [Email]", "redcat: [Email]", 1))
	body = get("a mistake", "differs from what runs, and has mistakes", `<a href="#L10">Line 10</a>: redcat: is not a known key; did you mean &#34;redact&#34;?`,
		`<li value="10" id="L10" class="wrong">`, "Next: correct the file, then: rowtap check &amp;&amp; rowtap reload")
	lacks("a mistake", body, "is what runs", reload)
	status, _, body = b.Get("/zaps/signups")
	b.Sees("the old one runs", status, 200, body, "&lt;b&gt;expanded&lt;/b&gt;")
	b.Submit("/reload", "back", "/zaps/signups/file")
	get("refused", "The files were refused when they were last loaded: ")

	write(strings.Replace(shownZap, "Email: asha@example.com", "asha@example.com: [1]", 1))
	get("a mistake in tests", "Line 6: a mistake in a part that is not shown here; rowtap check describes it")
	b.Submit("/reload", "back", "/zaps/signups/file")
	get("refused for it", "The files were refused when they were last loaded: ", "tests[1]: has a mistake")

	write(strings.Replace(shownZap, "{{Email}}", "{{Email}} {{", 1))
	get("a mistake in the mapping", `<a href="#L4">Line 4</a>: `)

	write(strings.Replace(shownZap, "schedule: \"", "schedule: [\"", 1))
	body = get("not YAML", `<a href="#L2">Line 2</a>: a list in [ ] is not closed`, `<li value="2" id="L2" class="wrong"><code>schedule: [`)
	lacks("not YAML", body, "redact: [", reload) // what follows tests

	write("name: other\n" + shownZap)
	get("a name of another", "zap other is already defined in "+filepath.Join(dir, "zaps/other.yaml"))

	write("# a comment\n" + shownZap)
	body = get("not loaded yet", "differs from what runs: it is not loaded yet", "Next: rowtap check &amp;&amp; rowtap reload", reload, `<li value="5" id="L5"><code>action`)
	lacks("not loaded yet", body, "has mistakes", "correct the file")
	must(t, os.WriteFile(filepath.Join(dir, "rowtap.yaml"), []byte("nonsense\n"), 0o600))
	get("with a broken rowtap.yaml", "rowtap.yaml has mistakes, so this file was checked with the accounts in force")
	must(t, os.WriteFile(filepath.Join(dir, "rowtap.yaml"), []byte(bothSettings), 0o600))
	get("with other accounts", "trigger.account: &#34;marketing&#34; is not in google_accounts")

	must(t, os.WriteFile(filepath.Join(dir, "../outside.yaml"), []byte(shownZap), 0o600))
	must(t, os.Remove(file))
	must(t, os.Symlink("../../outside.yaml", file))
	body = get("a link out", "is a link to a file outside the configuration directory, so it is not shown", "Next: rowtap check")
	lacks("a link out", body, "redact: [", reload)
	must(t, os.Remove(file))
	get("gone", "</code> is gone.", "signups runs as loaded until the next reload")

	for path, want := range map[string]string{"/zaps/old/file": "old is no longer in the configuration", "/zaps/nobody/file": "There is no zap nobody"} {
		status, _, body = b.Get(path)
		b.Sees(path, status, 404, body, want)
	}
}

// TestTheFileOfAZapRefreshesItself: an open page follows the file on disk, and costs no response
// while it stays the same.
func TestTheFileOfAZapRefreshesItself(t *testing.T) {
	e := webtest.New(t, "signups")
	h := web.New(web.Options{Engine: e.Engine, Token: config.NewSecret(testToken), Log: zap.NewNop()})
	b := webtest.NewBrowser(t, h)
	tag := ""
	get := func() int {
		t.Helper()
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, b.Base+"/zaps/signups/file", nil)
		must(t, err)
		r.Header.Set("Authorization", "Bearer "+testToken)
		r.Header.Set("If-None-Match", tag)
		resp, err := b.HTTP.Do(r)
		must(t, err)
		must(t, resp.Body.Close())
		if csp := resp.Header.Get("Content-Security-Policy"); resp.StatusCode == 200 && !strings.HasPrefix(csp, "default-src 'self';") {
			t.Errorf("Content-Security-Policy %q", csp)
		}
		tag = resp.Header.Get("ETag")
		return resp.StatusCode
	}
	for _, tt := range []struct {
		file string
		want int
	}{{"", 200}, {"", 304}, {shownZap, 200}, {"", 304}, {shownZap + "# more\n", 200}} {
		if tt.file != "" {
			must(t, os.WriteFile(filepath.Join(e.Config().Dir, "zaps/signups.yaml"), []byte(tt.file), 0o600))
		}
		if got := get(); got != tt.want {
			t.Errorf("after %d bytes are written: %d, want %d", len(tt.file), got, tt.want)
		}
	}
}
