package sandbox

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"testing"
)

// answer is CleverTap's response to an upload.
type answer struct {
	Status      string
	Processed   int
	Code        int
	Error       string
	Unprocessed []struct {
		Status string
		Code   int
		Error  string
		Record json.RawMessage
	}
}

func upload(t testing.TB, s *Sandbox, query string, records ...string) (int, answer) {
	t.Helper()
	code, body := do(t, s, "POST", "/1/upload"+query, `{"d":[`+strings.Join(records, ",")+`]}`)
	var a answer
	if err := json.Unmarshal([]byte(body), &a); err != nil {
		t.Fatalf("upload %v: a response that is not JSON: %q", records, body)
	}
	return code, a
}

func TestRecordRefusals(t *testing.T) {
	profile := func(data string) string { return `{"type":"profile","identity":"a@b.co","profileData":{` + data + `}}` }
	event := func(name, data string) string {
		return `{"type":"event","identity":"a@b.co","evtName":"` + name + `","evtData":` + data + `}`
	}
	many := make([]string, 101)
	for i := range many {
		many[i] = fmt.Sprintf(`"p%d":1`, i)
	}
	tests := []struct {
		record string
		want   string // code and text; "": accepted
	}{
		{profile(``), ""},
		{profile(`"Email":"asha.rao@example.com","Phone":"+35922333232","Gender":"F","Employed":"Y","Education":"College","Married":"N","Age":"18"`), ""},
		{profile(`"Email":"1234"`), "515 Profile data is incorrect. Email is not valid.Skipped record number : 1"},
		{profile(`"Email":"$$$$$"`), "515 Profile data is incorrect. Email is not valid.Skipped record number : 1"},
		{profile(`"Email":""`), "515 Profile data is incorrect. Email is not valid.Skipped record number : 1"},
		{profile(`"Phone":"223"`), "516 Profile data is incorrect. Phone number is not valid.Skipped record number : 1"},
		{profile(`"Phone":"+44+441234"`), "516 Profile data is incorrect. Phone number is not valid.Skipped record number : 1"},
		{profile(`"Phone":"919845012345"`), "516 Profile data is incorrect. Phone number is not valid.Skipped record number : 1"},
		{profile(`"Phone":919845012345`), "516 Profile data is incorrect. Phone number is not valid.Skipped record number : 1"},
		{profile(`"Phone":"+91 98450 12345"`), "516 Profile data is incorrect. Phone number is not valid.Skipped record number : 1"},
		{profile(`"Gender":"x"`), "514 Profile data is incorrect. Gender needs to be M/F.Skipped record number : 1"},
		{profile(`"Employed":"yes"`), "517 Profile data is incorrect. Employed needs to be Y/N.Skipped record number : 1"},
		{profile(`"Education":"PhD"`), "518 Profile data is incorrect. Education needs to be School/College/Graduate..Skipped record number : 1"},
		{profile(`"Married":"maybe"`), "519 Profile data is incorrect. Married needs to be Y/N.Skipped record number : 1"},
		{profile(`"Age":"aa"`), "520 Profile data is incorrect. Age is invalid.Skipped record number : 1"},
		{profile(`"Age":18.5,"Email":{"$set":"x@y.co"},"Phone":{"$delete":1}`), ""},
		{profile(`"Email":{"$set":"nope"}`), "515 Profile data is incorrect. Email is not valid.Skipped record number : 1"},
		// Only the first code of a record is reported.
		{profile(`"Age":"aa","Married":"x","Phone":"1","Email":"1"`), "515 Profile data is incorrect. Email is not valid.Skipped record number : 1"},
		{profile(`"Age":"aa","Married":"x"`), "519 Profile data is incorrect. Married needs to be Y/N.Skipped record number : 1"},
		{`{"type":"profile","identity":"a","ts":0,"profileData":{"Email":"1"}}`, "525 Timestamp should be present in the Unix Epoch format. Skipped record number : 1"},
		{`{"type":"profile","identity":"a","ts":1521611063,"profileData":{}}`, ""},
		{`{"type":"profile","identity":"a","ts":"1521611063","profileData":{}}`, ""},
		{`{"type":"profile","identity":"a","ts":1521611063000,"profileData":{}}`, "525 Timestamp should be present in the Unix Epoch format. Skipped record number : 1"},
		{`{"type":"profile","identity":"a","ts":1.5e9,"profileData":{}}`, "525 Timestamp should be present in the Unix Epoch format. Skipped record number : 1"},
		{`{"type":"profile","identity":"a","ts":"2018-03-05","profileData":{}}`, "525 Timestamp should be present in the Unix Epoch format. Skipped record number : 1"},
		{`{"type":"profile","identity":"a","ts":null,"profileData":{}}`, "525 Timestamp should be present in the Unix Epoch format. Skipped record number : 1"},
		{`{"type":"profile","profileData":{}}`, "523 At least one of identity, objectId, FBID and GPID is mandatory. Skipped record number : 1"},
		{`{"type":"profile","identity":" ","profileData":{}}`, "523 At least one of identity, objectId, FBID and GPID is mandatory. Skipped record number : 1"},
		{`{"type":"profile","identity":"N/A","profileData":{}}`, "523 At least one of identity, objectId, FBID and GPID is mandatory. Skipped record number : 1"},
		{`{"type":"profile","identity":0,"profileData":{}}`, "523 At least one of identity, objectId, FBID and GPID is mandatory. Skipped record number : 1"},
		{`{"type":"profile","identity":"` + strings.Repeat("x", 1025) + `","profileData":{}}`, "523 At least one of identity, objectId, FBID and GPID is mandatory. Skipped record number : 1"},
		{`{"type":"profile","Identity":"a","profileData":{}}`, "523 At least one of identity, objectId, FBID and GPID is mandatory. Skipped record number : 1"},
		{`{"type":"profile","identity":13,"profileData":{}}`, ""},
		{`{"type":"profile","FBID":"123","profileData":{}}`, ""},
		{`{"type":"profile","objectId":"__g0a1b2c3","profileData":{}}`, ""},
		{`{"type":"profile","objectId":"a@b.co","profileData":{}}`, "526 ObjectId is not valid. Skipped record number : 1"},
		{`{"type":"profile","identity":"a"}`, "524 Record is neither an event nor a profile. Skipped record number : 1"},
		{`{"type":"Profile","identity":"a","profileData":{}}`, "524 Record is neither an event nor a profile. Skipped record number : 1"},
		{`{"identity":"a","profileData":{}}`, "524 Record is neither an event nor a profile. Skipped record number : 1"},
		{`7`, "524 Record is neither an event nor a profile. Skipped record number : 1"},
		{event("Webinar Signup", `{"Price":59.99,"Ok":true,"When":"$D_1521611063"}`), ""},
		{event("Webinar Signup", `{}`), ""},
		{event("", `{}`), "509 Event Name is incorrect. ErrorCode: 509 - Event name is mandatory. Skipped record number : 1"},
		{`{"type":"event","identity":"a","evtData":{}}`, "509 Event Name is incorrect. ErrorCode: 509 - Event name is mandatory. Skipped record number : 1"},
		{`{"type":"event","identity":"a","evtName":"x"}`, "512 Event data is incorrect. ErrorCode: 512 - Event structure is not valid. Skipped record number : 1"},
		{event("x", `[]`), "512 Event data is incorrect. ErrorCode: 512 - Event structure is not valid. Skipped record number : 1"},
		{event("x", `{"a":{"b":1}}`), "512 Event data is incorrect. ErrorCode: 512 - Event structure is not valid. Skipped record number : 1"},
		{event("x", `{"a":["b"]}`), "512 Event data is incorrect. ErrorCode: 512 - Event structure is not valid. Skipped record number : 1"},
		{event("x", `{"Items":[{"b":1}]}`), "512 Event data is incorrect. ErrorCode: 512 - Event structure is not valid. Skipped record number : 1"},
		{event("Charged", `{"Amount":300,"Items":[{"Title":"Go"},{"Title":"Sheets"}]}`), ""},
		{event("Charged", `{"Items":[{"Title":["Go"]}]}`), "512 Event data is incorrect. ErrorCode: 512 - Event structure is not valid. Skipped record number : 1"},
		{event("Charged", `{"Items":["Go"]}`), "512 Event data is incorrect. ErrorCode: 512 - Event structure is not valid. Skipped record number : 1"},
		{event("app launched", `{}`), "513 Event Name is incorrect. ErrorCode: 513 - Trying to raise a restricted system event. Skipped record number : 1"},
		{event("Web Page Viewed", `{}`), "513 Event Name is incorrect. ErrorCode: 513 - Trying to raise a restricted system event. Skipped record number : 1"},
		{event("x", `{`+strings.Join(many[:100], ",")+`}`), ""},
		{event("x", `{`+strings.Join(many, ",")+`}`), "522 Event data is incorrect. ErrorCode: 522 - Too many event properties. Skipped record number : 1"},
	}
	s := newSandbox(t, Options{})
	for _, tt := range tests {
		code, a := upload(t, s, "?dryRun=1", tt.record)
		got, status := "", "success"
		if len(a.Unprocessed) > 0 {
			got, status = fmt.Sprintf("%d %s", a.Unprocessed[0].Code, a.Unprocessed[0].Error), "fail"
		}
		if code != 200 || got != tt.want || a.Status != status || a.Processed != 1-len(a.Unprocessed) {
			t.Errorf("%.120s:\ngot  %d %q, %s, processed %d\nwant %q", tt.record, code, got, a.Status, a.Processed, tt.want)
		}
	}
	if c := s.CleverTap().Counts(); c.Accepted != 0 || c.Identities != 0 || c.Refused != 0 || c.DryRuns != int64(len(tests)) {
		t.Errorf("dry runs changed other counts: %+v", c)
	}
}

func TestRequestRefusals(t *testing.T) {
	s := newSandbox(t, Options{})
	id, passcode := s.Credentials()
	good := `{"d":[{"type":"profile","identity":"a","profileData":{}}]}`
	tests := []struct {
		name, method, path, id, passcode, contentType, body string
		want                                                string
	}{
		{"good", "POST", "/1/upload", id, passcode, "application/json", good, `200 { "status" : "success" , "processed" : 1 , "unprocessed" : [] }`},
		{"account", "POST", "/1/upload", "x", passcode, "application/json", good, `401 { "status" : "fail" , "error" : "Account ID is not valid" , "code" : 401}`},
		{"account in another case", "POST", "/1/upload", strings.ToLower(id), passcode, "application/json", good, `401 { "status" : "fail" , "error" : "Account ID is not valid" , "code" : 401}`},
		{"passcode", "POST", "/1/upload", id, "x", "application/json", good, `401 { "status" : "fail" , "error" : "Passcode Invalid" , "code" : 401}`},
		{"passcode with a line break", "POST", "/1/upload", id, passcode + "\n", "application/json", good, `401 { "status" : "fail" , "error" : "Passcode Invalid" , "code" : 401}`},
		{"no passcode", "POST", "/1/upload", id, "", "application/json", good, `401 { "status" : "fail" , "error" : "Passcode Invalid" , "code" : 401}`},
		{"content type", "POST", "/1/upload", id, passcode, "text/plain", good, `400 { "status" : "fail" , "error" : "Content-Type needs to be application/json" , "code" : 400}`},
		{"charset", "POST", "/1/upload", id, passcode, "application/json; charset=latin1", good, `400 { "status" : "fail" , "error" : "Content-Type needs to be application/json" , "code" : 400}`},
		{"dryRun", "POST", "/1/upload?dryRun=true", id, passcode, "application/json", good, `400 { "status" : "fail" , "error" : "dryRun needs to be 0 or 1" , "code" : 400}`},
		{"GET", "GET", "/1/upload", id, passcode, "", "", `405 { "status" : "fail" , "error" : "Method not allowed" , "code" : 405}`},
		{"path", "POST", "/1/uploads", id, passcode, "application/json", good, `404 { "status" : "fail" , "error" : "Not found" , "code" : 404}`},
		{"too large", "POST", "/1/upload", id, passcode, "application/json", strings.Repeat(" ", maxUploadBody+1), `413 { "status" : "fail" , "error" : "Request entity too large" , "code" : 413}`},
		{"1001 records", "POST", "/1/upload", id, passcode, "application/json", `{"d":[` + strings.Repeat("1,", 1000) + `1]}`, `400 { "status" : "fail" , "error" : "Only 1000 records are allowed per request" , "code" : 400}`},
	}
	for _, body := range []string{
		``, `[]`, `{}`, `{"D":[1]}`, `{"d":{}}`, `{"d":null}`, `{"d":[]}`, good + `x`, `{"d":[1,]}`, "\ufeff" + good, `{"d":["` + "\xff" + `"]}`, `/* x */` + good,
	} {
		tests = append(tests, tests[0])
		last := &tests[len(tests)-1]
		last.name, last.body, last.want = "body "+body, body, `400 { "status" : "fail" , "error" : "Malformed request" , "code" : 400}`
	}
	for _, tt := range tests {
		r := httptest.NewRequestWithContext(t.Context(), tt.method, tt.path, strings.NewReader(tt.body))
		r.Header.Set("X-CleverTap-Account-Id", tt.id)
		r.Header.Set("X-CleverTap-Passcode", tt.passcode)
		r.Header.Set("Content-Type", tt.contentType)
		w := httptest.NewRecorder()
		s.Handler().ServeHTTP(w, r)
		if got := fmt.Sprintf("%d %s", w.Code, w.Body); got != tt.want {
			t.Errorf("%.60s:\ngot  %s\nwant %s", tt.name, got, tt.want)
		}
		if got := w.Header().Get("Content-Type"); got != "application/json;charset=utf-8" {
			t.Errorf("%s: Content-Type is %q", tt.name, got)
		}
	}
}

func TestPartialUploadEchoesRecords(t *testing.T) {
	s := newSandbox(t, Options{})
	code, a := upload(t, s, "",
		`{"type":"profile","identity":"a","profileData":{"Email":"a@b.co"}}`,
		`{"type":"profile","identity":13,"profileData":{"Phone":"+919845012345","Age":"aa","identity":7}}`,
		`{"type":"event","identity":"b","evtName":"Signup","evtData":{}}`,
		`{"type":"event","identity":"b","evtName":"Stayed","evtData":{}}`)
	if code != 200 || a.Status != "partial" || a.Processed != 2 || len(a.Unprocessed) != 2 {
		t.Fatalf("got %d %+v", code, a)
	}
	if got, want := string(a.Unprocessed[0].Record), `{"identity":"13","profileData":{"Age":"aa","Phone":919845012345,"identity":"7"},"type":"profile"}`; got != want {
		t.Errorf("the echo: got %s, want %s", got, want)
	}
	if got := a.Unprocessed[0].Error; !strings.HasSuffix(got, "Skipped record number : 2") {
		t.Errorf("the position: got %q", got)
	}
	if got := a.Unprocessed[1].Error; !strings.HasSuffix(got, "Skipped record number : 4") {
		t.Errorf("the position: got %q", got)
	}
	counts := s.CleverTap().Counts()
	want := Counts{Requests: 1, Accepted: 2, Profiles: 1, Events: 1, Refused: 2, MostConcurrent: 1, Identities: 2}
	if counts != want {
		t.Errorf("counts: got %+v, want %+v", counts, want)
	}
}

func TestTooManyAtOnce(t *testing.T) {
	held := make(chan struct{})
	s := newSandbox(t, Options{MaxConcurrent: 2, Hooks: Hooks{Wrap: func(string, http.Handler) http.Handler {
		return http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-held })
	}}})
	server := serve(t, s)
	t.Cleanup(func() { close(held) })
	post := func() *http.Request {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, server.URL+"/1/upload", strings.NewReader("{}"))
		must(t, err)
		return r
	}
	for range 2 {
		go func() {
			if answer, err := server.Client().Do(post()); err == nil {
				answer.Body.Close()
			}
		}()
	}
	for s.CleverTap().Counts().MostConcurrent < 2 {
		runtime.Gosched()
	}
	answer, err := server.Client().Do(post())
	must(t, err)
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusTooManyRequests {
		t.Errorf("the third concurrent request: got %d", answer.StatusCode)
	}
	if c := s.CleverTap().Counts(); c.TooMany != 1 || c.MostConcurrent != 2 {
		t.Errorf("counts: got %+v", c)
	}
}

func FuzzUpload(f *testing.F) {
	for _, seed := range []string{
		`{"d":[{"type":"profile","identity":"a","ts":1,"profileData":{"Email":"a@b.co","Tags":{"$add":["x",1]},"n":{"$incr":2},"o":{"$set":[null]},"c":{"category-unsubscribe":{"email":["x"]}}}}]}`,
		`{"d":[{"type":"event","objectId":"x","evtName":"Charged","evtData":{"Items":[{"a":1}],"b":null}},7,null,[]]}`,
		`{"d":[]}`, `{"d":`, `[]`, ``,
		`{"d":[{"type":"profile","identity":"a","profileData":{"Tags":[[1],{"x":{}}],"Items":[{"a":1},{"a":1}],"Phone":"+123456789012345678"}}]}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		records, raw, why := parseUpload(body)
		if why != "" {
			return
		}
		if len(records) == 0 || len(records) > maxRecords || len(raw) != len(records) {
			t.Fatalf("%q: %d records, %d as sent", body, len(records), len(raw))
		}
		c := newCleverTap(Options{MaxConcurrent: 1, KeepRecords: 10}, func(string, object) {})
		for range 2 { // a second time, to merge
			failed := c.take(records, raw, false)
			if _, err := json.Marshal(failed); err != nil {
				t.Fatalf("%q: a response without JSON: %v", body, err)
			}
		}
		counts := c.Counts()
		if counts.Accepted+counts.Refused != int64(2*len(records)) || counts.Accepted != counts.Profiles+counts.Events {
			t.Fatalf("%q: counts do not add up: %+v of 2 × %d", body, counts, len(records))
		}
		for e := c.newest.Front(); e != nil; e = e.Next() {
			if _, err := json.Marshal(e.Value.(*profile).snapshot()); err != nil {
				t.Fatalf("%q: a profile without JSON: %v", body, err)
			}
		}
	})
}

func BenchmarkUpload1000(b *testing.B) {
	s := newSandbox(b, Options{})
	records := make([]string, 1000)
	for i := range records {
		records[i] = fmt.Sprintf(`{"type":"profile","identity":"user%d@example.com","ts":1790000000,"profileData":{"Name":"Asha Rao","Email":"user%d@example.com",`+
			`"Phone":"+919845012345","Score":82,"Country":"IN","Source":"webinar"}}`, i, i)
	}
	body := []byte(`{"d":[` + strings.Join(records, ",") + `]}`)
	b.ReportAllocs()
	b.SetBytes(int64(len(body)))
	for b.Loop() {
		parsed, raw, why := parseUpload(body)
		if why != "" || len(s.clevertap.take(parsed, raw, false)) > 0 {
			b.Fatal("refused")
		}
	}
}
