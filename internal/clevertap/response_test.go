package clevertap_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"runtime"
	"strings"
	"testing"

	"github.com/rowtap/rowtap/internal/clevertap"
)

// responding is a transport that gives every request the same response.
type responding struct {
	status int
	body   string
}

func (a responding) RoundTrip(req *http.Request) (*http.Response, error) {
	if req.Body != nil {
		_, _ = io.Copy(io.Discard, req.Body)
		_ = req.Body.Close()
	}
	return &http.Response{
		StatusCode: a.status, Header: http.Header{}, Request: req,
		Body: io.NopCloser(strings.NewReader(a.body)),
	}, nil
}

const passcode = "SECRET-PASS-CODE"

func newClient(t testing.TB, o clevertap.Options) *clevertap.Client {
	t.Helper()
	o.Name, o.AccountID, o.Passcode = "production", "ACC-ID", passcode
	if o.Endpoint == nil {
		o.Region = "in1"
	}
	c, err := clevertap.New(o)
	if err != nil {
		t.Fatalf("New: %v", err)
	}
	t.Cleanup(c.CloseIdleConnections)
	return c
}

// records returns n records.
func records(n int) []clevertap.Record {
	rs := make([]clevertap.Record, n)
	for i := range rs {
		rs[i] = clevertap.Record{IDKey: "identity", ID: fmt.Sprint(i), JSON: fmt.Appendf(nil, `{"type":"profile","identity":"%d","profileData":{"A":1}}`, i)}
	}
	return rs
}

// letters encodes verdicts as one letter per record: a accepted, R refused, g again, 1 alone, ?
// unknown.
func letters(results []clevertap.Result) string {
	var b bytes.Buffer
	for _, r := range results {
		b.WriteByte("aRg1?"[r.Verdict])
	}
	return b.String()
}

// entry returns an element of unprocessed.
func entry(code any, text string) string {
	quoted, err := json.Marshal(text)
	if err != nil {
		panic(err)
	}
	return fmt.Sprintf(`{"status":"fail","code":%v,"error":%s,"record":{"identity":"x"}}`, code, quoted)
}

func body(status string, processed any, entries ...string) string {
	return fmt.Sprintf(`{ "status" : %q , "processed" : %v , "unprocessed" : [%s]}`, status, processed, strings.Join(entries, ","))
}

func TestResponse(t *testing.T) {
	email := func(position int) string {
		return entry(515, fmt.Sprintf("Profile data is incorrect. Email is not valid.Skipped record number : %d", position))
	}
	tests := []struct {
		name string
		n    int
		body string
		want string // letters
		odd  bool
	}{
		{"all accepted", 3, body("success", 3), "aaa", false},
		{"one refused", 3, body("partial", 2, email(2)), "aRa", false},
		{"all refused", 2, body("fail", 0, email(1), email(2)), "RR", false},
		{"entries in another order", 3, body("partial", 1, email(3), email(1)), "RaR", false},
		{"success with refused ones", 2, body("success", 1, email(1)), "Ra", false},
		{"server fault of one record", 2, body("partial", 1, entry(555, "Skipped record number : 2")), "ag", false},
		{"code as text", 1, body("fail", 0, entry(`"515"`, "Email. Skipped record number:1")), "R", false},
		{"processed as text", 2, body("success", `"2"`), "aa", false},
		{"neither code nor text", 1, body("fail", 0, entry("null", "")), "g", false},
		{"a single record needs no position", 1, body("fail", 0, entry(515, "Email is not valid.")), "R", false},
		{"a single record, wrong position", 1, body("fail", 0, entry(515, "Skipped record number : 7")), "R", false},
		{"the last position counts", 3, body("partial", 2, entry(509, "Event 'Skipped record number : 1' is bad. Skipped record number : 3")), "aaR", false},
		{"positions unreadable, none arrived", 2, body("fail", 0, entry(515, "Email"), entry(516, "Phone")), "11", true},
		{"one position unreadable, none arrived", 2, body("fail", 0, email(2), entry(516, "Phone")), "1R", true},
		{"position unreadable, some arrived", 3, body("partial", 2, entry(515, "Email")), "???", true},
		{"position out of range", 2, body("partial", 1, email(3)), "??", true},
		{"position zero", 2, body("partial", 1, email(0)), "??", true},
		{"position past all numbers", 2, body("partial", 1, entry(515, "Skipped record number : 99999999999999999999")), "??", true},
		{"doubled positions", 3, body("partial", 1, email(1), email(1)), "???", true},
		{"tripled positions, one more readable", 4, body("partial", 0, email(1), email(2), email(1), email(1)), "1R11", true},
		{"entry that is not an object", 2, body("partial", 1, `"what"`), "??", true},
		{"fail without reasons", 2, body("fail", 0), "gg", true},
		{"partial without reasons", 2, body("partial", 1), "??", true},
		{"partial, but all processed", 2, body("partial", 2), "aa", true},
		{"success with a wrong count", 3, body("success", 2), "???", true},
		{"success that counts none", 2, body("success", 0), "??", true},
		{"success that counts less than none", 2, body("success", -2), "??", true},
		{"success that counts more", 2, body("success", 3), "aa", true},
		{"success with a count that leaves records out", 3, body("success", 1, email(1)), "R??", true},
		{"success without a count", 2, `{"status":"success"}`, "aa", true},
		{"success, unprocessed null", 2, `{"status":"success","processed":2,"unprocessed":null}`, "aa", false},
		{"an unknown status", 2, body("maybe", 1), "??", true},
		{"an unknown status, all processed", 2, body("ok", 2), "aa", true},
		{"no status", 2, `{"processed":2,"unprocessed":[]}`, "aa", true},
		{"fewer accounted for than sent", 3, body("fail", 0, email(1)), "R??", true},
		{"more accounted for than sent", 2, body("partial", 2, email(1)), "Ra", true},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			c := newClient(t, clevertap.Options{Transport: responding{200, test.body}})
			response, err := c.Upload(t.Context(), records(test.n), false)
			if err != nil {
				t.Fatalf("%s: %v", test.body, err)
			}
			if got := letters(response.Results); got != test.want || (response.Odd != "") != test.odd {
				t.Errorf("%s\n got %s, odd %q\nwant %s, odd %v", test.body, got, response.Odd, test.want, test.odd)
			}
		})
	}
}

func TestRefusalText(t *testing.T) {
	long := strings.Repeat("é", 4000)
	tests := []struct{ text, want string }{
		{"Profile data is incorrect. Email is not valid.Skipped record number : 1", "Profile data is incorrect. Email is not valid."},
		{"two\nlines \x1b[31m Skipped record number : 1", "two lines [31m"},
		{"told " + passcode + " Skipped record number : 1", "told [redacted]"},
		{"Skipped record number : 1", ""},
	}
	for _, test := range tests {
		response, err := newClient(t, clevertap.Options{Transport: responding{200, body("fail", 0, entry(515, test.text))}}).Upload(t.Context(), records(1), false)
		if err != nil {
			t.Fatal(err)
		}
		if got := response.Results[0].Refusal; got.Message != test.want || got.Code != 515 {
			t.Errorf("%q: got %+v, want %q", test.text, got, test.want)
		}
	}
	response, err := newClient(t, clevertap.Options{Transport: responding{200, body("fail", 0, entry(515, long))}}).Upload(t.Context(), records(1), false)
	if err != nil {
		t.Fatal(err)
	}
	if got := response.Results[0].Refusal.Message; len(got) > 1024 || !strings.HasSuffix(got, "é…") {
		t.Errorf("a text of 8000 bytes became one of %d that ends in %q", len(got), got[max(0, len(got)-8):])
	}
}

func TestUnreadableResponse(t *testing.T) {
	tests := []struct {
		name, body string
		kind       clevertap.Kind
		says       string
	}{
		{"empty", "", clevertap.NoResponse, "empty"},
		{"a web page", "<!DOCTYPE html><html><body>Log in</body></html>", clevertap.NoResponse, "web page"},
		{"cut", `{"status":"success","proce`, clevertap.NoResponse, "was cut off after"},
		{"no JSON", `status=success`, clevertap.NoResponse, "invalid JSON from byte"},
		{"two values", body("success", 1) + "{}", clevertap.NoResponse, "invalid JSON from byte"},
		{"an array", `[]`, clevertap.NoResponse, "a different structure"},
		{"another object", `{"ok":true}`, clevertap.NoResponse, "without any of status"},
		{"null", `null`, clevertap.NoResponse, "without any of status"},
		{"a count that is none", body("success", 1.5), clevertap.NoResponse, "a different structure"},
		{"larger than is read", `{"status":"success","processed":1,"unprocessed":[],"x":"` + strings.Repeat("x", 16<<20) + `"}`, clevertap.NoResponse, "16 MiB"},
		{"refused as a whole: credentials", `{"status":"fail","error":"Account ID is not valid","code":401}`, clevertap.Credentials, "Account ID is not valid (CleverTap code 401)"},
		{"refused as a whole: malformed", `{"status":"fail","error":"Malformed request","code":400}`, clevertap.RefusedBody, "Malformed request"},
		{"refused as a whole: busy", `{"status":"fail","error":"Too many concurrent requests","code":429}`, clevertap.Busy, "Too many"},
		{"refused as a whole: server", `{"status":"fail","processed":0,"unprocessed":[],"code":555}`, clevertap.Server, "no reason given"},
		{"refused as a whole: a record's code", `{"status":"fail","code":512}`, clevertap.RefusedBody, "512"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			_, err := newClient(t, clevertap.Options{Transport: responding{200, test.body}}).Upload(t.Context(), records(2), false)
			e, ok := errors.AsType[*clevertap.Error](err)
			if !ok || e.Kind != test.kind || e.HTTPStatus != 200 || e.Account != "production" || !strings.Contains(e.Message, test.says) {
				t.Errorf("%.100s\n got %#v\nwant kind %v, a message with %q", test.body, err, test.kind, test.says)
			}
		})
	}
}

// FuzzResponse checks that any response gives one result per record, or an error with the reason,
// and never contains the passcode.
func FuzzResponse(f *testing.F) {
	f.Add(200, 2, body("success", 2))
	f.Add(200, 3, body("partial", 2, entry(515, "Email is not valid.Skipped record number : 2")))
	f.Add(200, 1, body("fail", 0, entry(`"555"`, "")))
	f.Add(200, 2, body("fail", 0, entry(515, "Skipped record number : 1"), entry(515, "Skipped record number : 1")))
	f.Add(200, 2, `{"status":"fail","error":"`+passcode+`","code":401}`)
	f.Add(401, 1, `{"status":"fail","error":"`+passcode+`","code":401}`)
	f.Add(503, 1, `<html>`)
	f.Add(302, 1, ``)
	f.Fuzz(func(t *testing.T, status, n int, body string) {
		if status < 200 || status > 999 || n < 1 || n > 50 {
			t.Skip()
		}
		c := newClient(t, clevertap.Options{Transport: responding{status, body}})
		response, err := c.Upload(t.Context(), records(n), false)
		if strings.Contains(fmt.Sprintf("%v %+v %+v", err, err, response), passcode) {
			t.Fatalf("the passcode is in %+v %v", response, err)
		}
		if err != nil {
			if e, ok := errors.AsType[*clevertap.Error](err); !ok || e.Message == "" || len(e.Message) > 2048 {
				t.Fatalf("%d %q: an incomplete error: %#v", status, body, err)
			}
			return
		}
		if status > 299 || len(response.Results) != n {
			t.Fatalf("%d %q: %d results for %d records", status, body, len(response.Results), n)
		}
		refused := 0
		for i, r := range response.Results {
			if len(r.Refusal.Message) > 1024 || r.Verdict == clevertap.Accepted && r.Refusal != (clevertap.Refusal{}) {
				t.Fatalf("%q: result %d is %+v", body, i, r)
			}
			if r.Verdict != clevertap.Accepted {
				refused++
			}
		}
		if refused > 0 && refused == n && response.Status == "success" && strings.Contains(body, `"unprocessed":[]`) && response.Odd == "" {
			t.Fatalf("%q: none accepted without a reason", body)
		}
	})
}

func BenchmarkUpload(b *testing.B) {
	var entries []string
	for i := 1; i <= 1000; i += 10 {
		entries = append(entries, entry(515, fmt.Sprintf("Profile data is incorrect. Email is not valid.Skipped record number : %d", i)))
	}
	for _, bench := range []struct{ name, body string }{
		{"1000 accepted", body("success", 1000)},
		{"1000, 100 refused", body("partial", 900, entries...)},
	} {
		b.Run(bench.name, func(b *testing.B) {
			c := newClient(b, clevertap.Options{Transport: responding{200, bench.body}})
			batch := records(1000)
			b.ReportAllocs()
			for b.Loop() {
				if _, err := c.Upload(b.Context(), batch, false); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// TestShort checks that the response to a real upload must account for each record. For a dry run,
// its status is enough.
func TestShort(t *testing.T) {
	email := entry(515, "Email is not valid.Skipped record number : 1")
	tests := []struct {
		body         string
		real, dryRun string // letters
		short        bool
	}{
		{body("success", 3), "aaa", "aaa", false},
		{body("success", 0), "???", "aaa", true},
		{body("success", 0, email), "R??", "Raa", true},
		{body("success", 2, email), "Raa", "Raa", false},
		{body("partial", 1), "???", "???", true},
		{body("partial", 1, email), "R??", "R??", true},
		{body("fail", 0), "ggg", "ggg", false},
		{body("partial", 1, entry(515, "Email is not valid.")), "???", "???", false},
		{`{"status":"success"}`, "aaa", "aaa", false},
	}
	for _, test := range tests {
		c := newClient(t, clevertap.Options{Transport: responding{200, test.body}})
		for dryRun, want := range map[bool]string{false: test.real, true: test.dryRun} {
			got, err := c.Upload(t.Context(), records(3), dryRun)
			if err != nil || letters(got.Results) != want || got.Short != (test.short && !dryRun) {
				t.Errorf("%s, dry run %v: got %s, short %v, %v; want %s", test.body, dryRun, letters(got.Results), got.Short, err, want)
			}
		}
	}
}

// TestNonsense checks that a response with status 200 that says nothing leaves open whether the
// records arrived, also for a dry run.
func TestNonsense(t *testing.T) {
	for _, said := range []string{
		``, ` `, `null`, `{}`, `[]`, `[null]`, `12`, `-1e400`, `true`, `""`, `"text"`, "\x00", `{"error":null}`, `{"status":null,"processed":null,"unprocessed":null}`,
		`{"status":{}}`, `{"processed":[]}`, `{"unprocessed":{}}`, `{"unprocessed":7}`, `{"status":"success","processed":{}}`, `{"status":"success"`, `{"status":"success"}]`,
	} {
		c := newClient(t, clevertap.Options{Transport: responding{200, said}})
		for _, ask := range []func() (clevertap.Response, error){
			func() (clevertap.Response, error) { return c.Upload(t.Context(), records(2), false) },
			func() (clevertap.Response, error) { return c.Upload(t.Context(), records(2), true) },
			func() (clevertap.Response, error) { return c.Probe(t.Context()) },
		} {
			response, err := ask()
			if e, ok := errors.AsType[*clevertap.Error](err); !ok || e.Kind != clevertap.NoResponse || e.Hint == "" || !strings.HasPrefix(e.Message, "not a CleverTap response: ") {
				t.Errorf("%q: got %+v, %v; want no usable response", said, response, err)
			}
		}
	}
}

// TestManyEntries checks that the memory for a response of many small entries is bounded.
func TestManyEntries(t *testing.T) {
	const size, most = 12 << 20, 64 << 20 // bytes
	for _, said := range []string{
		`{"status":"success","processed":0,"unprocessed":[` + strings.Repeat(`{},`, size/3) + `{}]}`,
		`{"status":"success","processed":0,"d":[` + strings.Repeat(`{},`, size/3) + `{}]}`,
	} {
		c := newClient(t, clevertap.Options{Transport: responding{200, said}})
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		response, err := c.Upload(t.Context(), records(2), false)
		runtime.ReadMemStats(&after)
		if took := after.TotalAlloc - before.TotalAlloc; took > most || err == nil && !response.Short {
			t.Errorf("%.60s…: %+v, %v, and it took %d MB", said, response, err, took>>20)
		}
	}
}

// TestCodeThatIsNoNumber checks that the position in the text still identifies the record.
func TestCodeThatIsNoNumber(t *testing.T) {
	said := body("partial", 1, entry(`"abc"`, "weird. Skipped record number : 2"))
	got, err := newClient(t, clevertap.Options{Transport: responding{200, said}}).Upload(t.Context(), records(2), false)
	if err != nil || letters(got.Results) != "aR" {
		t.Errorf("%s\n got %s, %v\nwant aR", said, letters(got.Results), err)
	}
}
