package config_test

import (
	"strings"
	"testing"
	"time"
)

// TestSettle: copies settle as long as other rows if settle is given, or else for a minute; the
// effective configuration keeps the distinction.
func TestSettle(t *testing.T) {
	tests := []struct {
		given        string
		rows, copies time.Duration
		printed      string // "": the key is left out
	}{
		{"", 0, time.Minute, ""},
		{", settle: 0s", 0, 0, "settle: 0s"},
		{", settle: 20s", 20 * time.Second, 20 * time.Second, "settle: 20s"},
		{", settle: 1m", time.Minute, time.Minute, "settle: 1m"},
		{", settle: 5m", 5 * time.Minute, 5 * time.Minute, "settle: 5m"},
	}
	const settings = `google_accounts: {marketing: {}}
clevertap_accounts: {production: {account_id: A, passcode: x, region: in1}}
state: {path: /tmp/x.db}
`
	for _, tt := range tests {
		text := `schedule: "@hourly"
trigger: {app: google_sheets, event: new_spreadsheet_row, account: marketing, spreadsheet: 1AbC, worksheet: A` + tt.given + `}
action: {app: clevertap, event: create_update_user_profile, account: production, identity: "{{Email}}", properties: all}
`
		for _, reading := range []string{"as given", "as printed"} {
			c := load(t, map[string]string{"rowtap.yaml": settings, "zaps/z.yaml": text})
			trigger := c.Zaps[0].Trigger
			if trigger.Settle != tt.rows || trigger.SettleCopies != tt.copies {
				t.Errorf("%q, %s: %s, copies %s, want %s, %s", tt.given, reading, trigger.Settle, trigger.SettleCopies, tt.rows, tt.copies)
			}
			printed, err := c.Effective()[1].YAML()
			if err != nil {
				t.Fatal(err)
			}
			if text = string(printed); strings.Contains(text, "settle") != (tt.printed != "") || !strings.Contains(text, tt.printed) {
				t.Errorf("%q, %s: printed as\n%s\nwant %q", tt.given, reading, text, tt.printed)
			}
		}
	}
}
