package sandbox

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
)

func TestProfilesMerge(t *testing.T) {
	tests := []struct {
		name    string
		updates []string // profileData
		want    string
	}{
		{"given properties are set, others unchanged", []string{`"a":1,"b":"x"`, `"a":2`}, `{"a":2,"b":"x"}`},
		{"add", []string{`"t":{"$add":["go"]}`, `"t":{"$add":["go","sheets"]}`}, `{"t":["go","sheets"]}`},
		{"add to a scalar", []string{`"t":"go"`, `"t":{"$add":["sheets"]}`}, `{"t":["go","sheets"]}`},
		{"remove", []string{`"t":["a","b"]`, `"t":{"$remove":["a"]}`}, `{"t":["b"]}`},
		{"remove the last", []string{`"t":["a"],"x":1`, `"t":{"$remove":["a"]}`}, `{"x":1}`},
		{"set", []string{`"t":["a","b"]`, `"t":{"$set":["c","c"]}`}, `{"t":["c"]}`},
		{"count", []string{`"n":{"$incr":10}`, `"n":{"$decr":2.5}`}, `{"n":7.5}`},
		{"delete", []string{`"Name":"x","y":1`, `"Name":{"$delete":1}`}, `{"y":1}`},
		{"zero and false are values", []string{`"n":0,"b":false,"s":""`}, `{"b":false,"n":0,"s":""}`},
		{"dropped", []string{`"ok":1,"a.b":1,"n":null,"o":{"x":1},"l":[["x"]],"i":{"$incr":"x"},"v":"` + strings.Repeat("x", 513) + `","` + strings.Repeat("k", 121) + `":1`}, `{"ok":1}`},
	}
	for _, tt := range tests {
		s := newSandbox(t, Options{})
		for _, data := range tt.updates {
			if _, a := upload(t, s, "", `{"type":"profile","identity":"a","profileData":{`+data+`}}`); a.Processed != 1 {
				t.Fatalf("%s: %s: got %+v", tt.name, data, a)
			}
		}
		p, ok := s.CleverTap().Profile("a")
		got, err := json.Marshal(p.Data)
		if !ok || err != nil || string(got) != tt.want {
			t.Errorf("%s: %v:\ngot  %s\nwant %s", tt.name, tt.updates, got, tt.want)
		}
	}
}

func TestListsKeepTheNewestHundred(t *testing.T) {
	p := &profile{data: map[string]any{}}
	for i := range 120 {
		p.merge(map[string]any{"t": map[string]any{"$add": []any{fmt.Sprint(i)}}})
	}
	items := p.data["t"].([]any)
	if len(items) != 100 || items[0] != "20" || items[99] != "119" {
		t.Errorf("got %d items, %v … %v", len(items), items[0], items[len(items)-1])
	}
}

func TestDroppedPropertiesAreTold(t *testing.T) {
	s := newSandbox(t, Options{})
	upload(t, s, "", `{"type":"event","identity":"a","evtName":"x","evtData":{"ok":1,"a$b":2,"n":null}}`)
	got := s.CleverTap().Records(RecordQuery{})[0].Dropped
	if want := `[a$b: the name contains one of %><!|&.:;$'"\# n: null]`; fmt.Sprint(got) != want {
		t.Errorf("got %v, want %s", got, want)
	}
}

func TestRecordsAndProfilesCanBeAskedFor(t *testing.T) {
	s := newSandbox(t, Options{KeepRecords: 4})
	event := func(id string, ts int) string {
		return fmt.Sprintf(`{"type":"event","identity":"%s","ts":%d,"evtName":"Signup","evtData":{}}`, id, ts)
	}
	upload(t, s, "", event("a", 300), event("b", 200), event("a", 100))
	upload(t, s, "", `{"type":"profile","identity":"b","profileData":{"Email":"b@c.co"}}`, event("a", 300), event("a", 300)) // no de-duplication
	seqs := func(q RecordQuery) string {
		var seqs []int64
		for _, r := range s.CleverTap().Records(q) {
			seqs = append(seqs, r.Seq)
		}
		return fmt.Sprint(seqs)
	}
	for _, tt := range []struct {
		q    RecordQuery
		want string
	}{
		{RecordQuery{}, "[3 4 5 6]"},
		{RecordQuery{Since: 4}, "[5 6]"},
		{RecordQuery{Limit: 1}, "[6]"},
		{RecordQuery{Type: "profile"}, "[4]"},
		{RecordQuery{Identity: "a", Limit: 2}, "[5 6]"},
	} {
		if got := seqs(tt.q); got != tt.want {
			t.Errorf("%+v: got %s, want %s", tt.q, got, tt.want)
		}
	}
	if got := s.clevertap.newest.Front().Value.(*profile).snapshot(); got.Identity != "a" || got.Events["Signup"] != (EventCount{4, 100, 300}) {
		t.Errorf("the newest profile: got %+v", got)
	}
	for path, want := range map[string]string{
		"/1/profile.json?identity=a":   `"events":{"Signup":{"count":4,"first_seen":100,"last_seen":300}}`,
		"/1/profile.json?email=b@c.co": `"profileData":{"Email":"b@c.co"}`,
		"/1/profile.json?identity=zzz": `"status":"fail"`,
	} {
		if _, got := do(t, s, "GET", path, ""); !strings.Contains(got, want) {
			t.Errorf("%s: got %s, want %s in it", path, got, want)
		}
	}
}
