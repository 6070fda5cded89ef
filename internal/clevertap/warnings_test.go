package clevertap_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/rowtap/rowtap/internal/clevertap"
)

// TestWarnings checks the limits. The golden rows of internal/mapping show the warnings of whole
// records.
func TestWarnings(t *testing.T) {
	text := func(n int) string { return `"` + strings.Repeat("x", n) + `"` }
	many := func(n int, format string) string {
		var all []string
		for i := range n {
			all = append(all, fmt.Sprintf(format, i))
		}
		return strings.Join(all, ",")
	}
	long := strings.Repeat("k", 121)
	tests := []struct {
		record, want string // part of the only warning; "": none
	}{
		{`profile{"Name":` + text(512) + `}`, ""},
		{`profile{"Name":` + text(513) + `}`, "Name: 513 bytes of text; CleverTap accepts 512"},
		{`profile{"` + long[:120] + `":1}`, ""},
		{`profile{"` + long + `":1}`, "the name has 121 characters; CleverTap accepts 120"},
		{`profile{` + many(256, `"p%d":1`) + `,"Name":"x"}`, ""},
		{`profile{` + many(257, `"p%d":1`) + `,"Name":"x"}`, "257 custom properties; CleverTap stores 256 per profile"},
		{`profile{"T":{"$add":[` + many(101, `"%d"`) + `]}}`, "T: 101 items; CleverTap keeps at most 100"},
		{`profile{"T":{"$set":["a","a"]}}`, "T: duplicate items: 1"},
		{`profile{"T":["a",` + text(513) + `]}`, "T: 1 of its items are longer than 512 bytes"},
		{`profile{"N":{"$incr":5}}`, ""},
		{`profile{"Gender":{"$delete":1}}`, ""},
		{`profile{"Phone":919876543210}`, "Phone: CleverTap documents only + with country code"},
		{`profile{"Phone":"+919876543210"}`, ""},
		{`profile{"DOB":"$D_0"}`, ""},
		{`profile{"DOB":"$D_-1"}`, "a date before 1970"},
		{`profile{"DOB":5}`, "DOB: is not a date"},
		{`profile{"MSG-push":1}`, "MSG-push: is not true or false"},
		{`profile{"e_mail":"x"}`, "CleverTap's own is called Email"},
		{`profile{"msg-telegram":true}`, "is not one of CleverTap's subscription flags"},
		{`profile{" Plan":1}`, "there is white space around the name"},
		{`profile{"a.b#":1}`, "CleverTap does not allow . # in a name"},
		{`event{"Email":"x","DOB":5}`, ""},
		{`event{` + many(100, `"p%d":1`) + `}`, ""},
		{`event{` + many(101, `"p%d":1`) + `}`, "101 properties; CleverTap accepts 100 per event"},
		{`event{"A":` + text(513) + `}`, "A: 513 bytes of text"},
		{`Charged{"Amount":5,"Items":[` + many(256, `{"N":%d}`) + `]}`, ""},
		{`Charged{"Amount":5,"Items":[` + many(257, `{"N":%d}`) + `]}`, "Items: 257 items; CleverTap accepts 256"},
		{`Charged{"Amount":5,"Items":[{"a:b":1},{"a:b":2}]}`, "Items: in an item: CleverTap does not allow :"},
		{`Charged{"Amount":5,"Items":"Book"}`, "Items: is not a list of items"},
		{`Charged{"Amount":"5"}`, "Amount: is not a number"},
		{`Charged{}`, "Charged has no Amount"},
	}
	for _, tt := range tests {
		kind, data, _ := strings.Cut(tt.record, "{")
		record := `{"type":"event","identity":"u","ts":1700000000,"evtName":"` + kind + `","evtData":{` + data + `}`
		if kind == "profile" {
			record = `{"type":"profile","identity":"u","ts":1700000000,"profileData":{` + data + `}`
		}
		got := clevertap.Warnings([]byte(record), time.Unix(1700000000, 0))
		if tt.want == "" && len(got) > 0 || tt.want != "" && (len(got) != 1 || !strings.Contains(got[0].String(), tt.want)) {
			t.Errorf("%.80s: got %v, want %q", tt.record, got, tt.want)
		}
	}
}

// TestKeysOfUsers checks the warning about profile properties with a name of a user key. Events may
// have them.
func TestKeysOfUsers(t *testing.T) {
	for name, key := range map[string]string{"identity": "identity", "Identity": "identity", "objectId": "object_id", "FBID": "fbid", "GPID": "gpid", "Customer ID": ""} {
		got := strings.Join(clevertap.NameWarnings(name, false), "; ")
		if key == "" && got != "" || key != "" && !strings.Contains(got, "only "+key+": of the action") {
			t.Errorf("%s: %q, want %s in it", name, got, key)
		}
		if got := clevertap.NameWarnings(name, true); len(got) > 0 {
			t.Errorf("%s of an event: %q", name, got)
		}
	}
}

func TestInvisibleIdentity(t *testing.T) {
	for id, want := range map[string]int{"asha@example.com": 0, "Asha Rao": 0, "आशा": 0, "asha\u200b": 1, "a\u00a0b": 1, "a\tb": 1} {
		b, err := json.Marshal(map[string]any{"type": "profile", "FBID": id, "profileData": map[string]any{}})
		if err != nil {
			t.Fatal(err)
		}
		if got := clevertap.Warnings(b, time.Time{}); len(got) != want {
			t.Errorf("%q: got %v, want %d", id, got, want)
		}
	}
}

func TestEventNameWarnings(t *testing.T) {
	tests := []struct{ name, want string }{
		{"Webinar Signup", ""},
		{"Charged", ""},
		{"Notification Bounced", "code 513"},
		{"CHARGED", "is spelt Charged"},
		{"What's new?", "does not allow ' in a name"},
		{strings.Repeat("é", 512), ""},
		{strings.Repeat("é", 513), "the name has 513 characters"},
	}
	for _, tt := range tests {
		if got := strings.Join(clevertap.EventNameWarnings(tt.name), "; "); (got == "") != (tt.want == "") || !strings.Contains(got, tt.want) {
			t.Errorf("%.20q: got %q, want %q", tt.name, got, tt.want)
		}
	}
}

// FuzzWarnings checks that no record makes Warnings panic, and that no warning contains a value.
func FuzzWarnings(f *testing.F) {
	f.Add([]byte(`{"type":"profile","identity":"u","ts":1,"profileData":{"Email":"s3cr3t","T":{"$add":["s3cr3t"]},"N":{"a":[1]}}}`))
	f.Add([]byte(`{"type":"event","objectId":"s3cr3t@x","evtName":"Charged","evtData":{"Amount":"s3cr3t","Items":[{"a:b":"s3cr3t"},null,5]}}`))
	f.Add([]byte(`{"type":"event","evtData":{"a":,"b":1}}`))
	f.Add([]byte(`{"profileData":{"":{"":{}},"$set":{"$set":{}}}}`))
	f.Add([]byte(`{"profileData":null,"evtData":[]}`))
	f.Fuzz(func(t *testing.T, record []byte) {
		for _, w := range clevertap.Warnings(record, time.Unix(1700000000, 0)) {
			if w.Message == "" {
				t.Errorf("%s: an empty warning: %+v", record, w)
			}
		}
		if !json.Valid(record) && len(clevertap.Warnings(record, time.Time{})) > 0 {
			t.Errorf("%s: warnings about an invalid record", record)
		}
	})
}

// FuzzNames checks that no name or value panics, and that a converted value stays the same when
// converted again.
func FuzzNames(f *testing.F) {
	for _, s := range []string{"asha@example.com", "M", "yes", "High School", "App Launched", "msg_email", `"@"@b`, "N/A", "\xff"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		for _, read := range []func(string) (string, bool){clevertap.Gender, clevertap.YesNo, clevertap.Education} {
			if v, ok := read(s); ok {
				if again, ok := read(v); !ok || again != v {
					t.Errorf("%q became %q, and that %q, %v", s, v, again, ok)
				}
			}
		}
		if clevertap.IsEmail(s) && !strings.Contains(s, "@") {
			t.Errorf("%q accepted as an e-mail address", s)
		}
		if own := clevertap.PredefinedName(s); own != "" && clevertap.PredefinedName(own) != own {
			t.Errorf("%q: %q is not its own name", s, own)
		}
		_, id := clevertap.RefuseIdentity(s)
		if _, padded := clevertap.RefuseIdentity(" " + s + "\t"); id != padded {
			t.Errorf("identity %q: surrounding white space changes the result", s)
		}
		_, event := clevertap.RefuseEventName(s)
		if _, folded := clevertap.RefuseEventName(strings.ReplaceAll(s, " ", "")); event != folded && utf8.ValidString(s) {
			t.Errorf("event name %q: spaces change the result", s)
		}
		clevertap.NameWarnings(s, false)
		clevertap.EventNameWarnings(s)
		clevertap.ValueWarnings(s, []byte(s), false)
	})
}
