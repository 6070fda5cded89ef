package sandbox

import (
	"encoding/json"
	"strings"
	"testing"
)

func TestAdminEdits(t *testing.T) {
	tests := []struct{ edit, body, answer, want string }{
		{"append", `{"rows":[["x","7"],[true,null,"2020-01-01"]]}`, `{"row":4}`, "h k|b 2|a 10|x 7|TRUE - 2020-01-01"},
		{"append", `{"worksheet":"T","rows":[[{"text":"007"},{"date":0.5,"pattern":"hh:mm"},{"error":"#REF!"},{"formula":"=\"\""}]]}`, `{"row":4}`, "h k|b 2|a 10|007 12:00 #REF! "},
		{"insert", `{"row":2,"rows":[["x"]]}`, `{}`, "h k|x|b 2|a 10"},
		{"insert", `{"row":2}`, `{}`, "h k||b 2|a 10"},
		{"delete", `{"from":2,"to":2}`, `{}`, "h k|a 10"},
		{"set", `{"row":2,"column":"B","value":3.5}`, `{}`, "h k|b 3.5|a 10"},
		{"set", `{"row":2,"column":1,"value":"'5"}`, `{}`, "h k|5 2|a 10"},
		{"sort", `{"column":"1"}`, `{}`, "h k|a 10|b 2"},
		{"sort", `{"column":2,"descending":true}`, `{}`, "h k|a 10|b 2"},
	}
	for _, tt := range tests {
		s := newSandbox(t, Options{}, cellsOf("h k", "b 2", "a 10")...)
		code, answer := do(t, s, "POST", "/admin/sheets/book/"+tt.edit, tt.body)
		if got := shown(t, s); code != 200 || answer != tt.answer || got != tt.want {
			t.Errorf("%s %s: got %d %s, %q\nwant %s, %q", tt.edit, tt.body, code, answer, got, tt.answer, tt.want)
		}
	}
}

const oneProfile = `{"d":[{"type":"profile","identity":"a","profileData":{"Name":"Asha"}}]}`

func TestAdmin(t *testing.T) {
	s := newSandbox(t, Options{}, cellsOf("h", "a", "b", "c")...)
	must(t, s.Sheets().AddSpreadsheet("new", "New", "Asia/Kolkata"))
	must(t, s.Sheets().AddWorksheet("new", "W", 3, cellsOf("x")...))
	steps := []struct {
		method, path, body string
		code               int
		want               string // part of the response
	}{
		{"GET", "/admin/sheets", "", 200, `"worksheets":[{"gid":3,"title":"W","filled":1,"rows":1000,"columns":26}]`},
		{"GET", "/admin/sheets/new", "", 200, `"rows":[{"number":1,"cells":[{"kind":"text","shown":"x","typed":"x"}]}]`},
		{"GET", "/admin/sheets/book?tail=1", "", 200, `"filled":4,"rows":[{"number":1,"cells":[{"kind":"text","shown":"h","typed":"h"}]},{"number":4,"cells":[{"kind":"text","shown":"c","typed":"c"}]}]`},
		{"GET", "/admin/sheets/book?tail=x", "", 400, "is not a count"},
		{"GET", "/admin/sheets/none", "", 404, "not in the sandbox"},
		{"GET", "/admin/sheets/book?worksheet=none", "", 404, "not in the sandbox"},
		{"POST", "/admin/sheets/none/append", `{"rows":[["x"]]}`, 404, "not in the sandbox"},
		{"POST", "/admin/sheets/book/explode", ``, 404, `edit \"explode\"`},
		{"POST", "/admin/sheets/book/append", `{"row":[["x"]]}`, 400, "read the request"},
		{"POST", "/admin/sheets/book/append", `{"rowz":[["x"]]}`, 400, "unknown field"},
		{"POST", "/admin/sheets/book/append", `{"rows":[[{"bold":true}]]}`, 400, "unknown field"},
		{"POST", "/admin/sheets/book/set", `{"row":1,"column":"1x"}`, 400, "a column must be a number or letters"},
		{"POST", "/admin/sheets/book/delete", `{"from":0,"to":1}`, 400, "the grid has 1000 rows"},
		{"POST", "/1/upload", oneProfile, 200, `"status":"success"`},
		{"POST", "/1/upload?dryRun=1", oneProfile, 200, `"status":"success"`},
		{"GET", "/admin/clevertap/counts", "", 200, `{"requests":2,"accepted":1,"profiles":1,"events":0,"refused":0,"dry_runs":1,"too_many":0,"most_concurrent":1,"identities":1,"reads":0}`},
		{"GET", "/admin/clevertap/records?type=profile&identity=a&since=0&limit=5", "", 200, `"type":"profile","id_key":"identity","identity":"a","record":{"type":"profile","identity":"a","profileData":{"Name":"Asha"}}}]`},
		{"GET", "/admin/clevertap/records?type=event", "", 200, `[]`},
		{"GET", "/admin/clevertap/records?since=-1", "", 400, "is not a count"},
		{"GET", "/admin/key?type=authorized_user", "", 200, `"token_uri":"http://127.0.0.1:9999/token"`},
		{"GET", "/admin/key?type=x", "", 400, "service_account or authorized_user"},
		{"GET", "/admin/nope", "", 404, "no such route"},
		{"POST", "/admin/faults", `{"api":"clevertap","status":503}`, 404, "no such route"}, // in package lab only
	}
	for _, step := range steps {
		code, got := do(t, s, step.method, step.path, step.body)
		if code != step.code || !strings.Contains(got, step.want) {
			t.Errorf("%s %s %s:\ngot  %d %s\nwant %d with %s", step.method, step.path, step.body, code, got, step.code, step.want)
		}
	}
	_, key := do(t, s, "GET", "/admin/key", "")
	var file map[string]string
	must(t, json.Unmarshal([]byte(key), &file))
	if file["type"] != "service_account" || file["client_email"] != serviceEmail || file["token_uri"] != "http://127.0.0.1:9999/token" {
		t.Errorf("the key: got %s, %s, %s", file["type"], file["client_email"], file["token_uri"])
	}
}
