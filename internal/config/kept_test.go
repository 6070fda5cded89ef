package config_test

import (
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/rowtap/rowtap/internal/config"
)

const keptZap = `schedule: "@every 1m" # ${ROWTAP_VAR_COMMENT}
trigger: {app: google_sheets, event: new_spreadsheet_row, account: marketing, spreadsheet: book, worksheet: "${ROWTAP_VAR_TAB:-Signups}", start: now}
action:
  app: clevertap
  event: upload_event
  account: production
  identity: "{{Email}}"
  event_name: ${ROWTAP_VAR_EVENT}
  properties: {Source: "${ROWTAP_VAR_EMPTY:-sheet}", Cost: "$$5", Note: "a ${ROWTAP_VAR_NOTE}"}
`

// TestAKeptZapIsTheSame reads a zap again from what was kept of it, when its file and its variables are others.
func TestAKeptZapIsTheSame(t *testing.T) {
	load := func(variables map[string]string) *config.Zap {
		t.Helper()
		dir := directory(t, map[string]string{"rowtap.yaml": readFile(t, "testdata/rowtap.yaml"), "zaps/leads.yaml": keptZap})
		c, err := config.Load(dir, environment(t, variables))
		if err != nil {
			t.Fatal(err)
		}
		return c.Zap("leads")
	}
	keep := func(z *config.Zap) string {
		t.Helper()
		text, err := z.Keep()
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	then := map[string]string{"ROWTAP_VAR_EVENT": "Signup", "ROWTAP_VAR_NOTE": "{{Note}}", "ROWTAP_VAR_EMPTY": "", "ROWTAP_VAR_OTHER": "x"}
	z := load(then)
	kept := keep(z)
	if again := keep(load(then)); again != kept {
		t.Errorf("the same file and variables are kept as %s and as %s", kept, again)
	}
	for name, value := range map[string]string{"ROWTAP_VAR_EVENT": "Lead", "ROWTAP_VAR_TAB": "Leads", "ROWTAP_VAR_EMPTY": "now"} {
		now := map[string]string{"ROWTAP_VAR_EVENT": "Signup", "ROWTAP_VAR_NOTE": "{{Note}}", "ROWTAP_VAR_EMPTY": ""}
		now[name] = value
		if keep(load(now)) == kept {
			t.Errorf("with another %s the zap is kept as the same", name)
		}
	}
	now := map[string]string{"ROWTAP_VAR_EVENT": "Signup", "ROWTAP_VAR_NOTE": "{{Note}}", "ROWTAP_VAR_EMPTY": "", "ROWTAP_VAR_OTHER": "y", "ROWTAP_VAR_COMMENT": "y"}
	if keep(load(now)) != kept {
		t.Error("variables that the file does not use make it another")
	}

	got, err := config.ReadKept("leads", []byte(kept))
	if err != nil {
		t.Fatal(err)
	}
	options := cmp.Options{
		cmpopts.IgnoreTypes(config.Pos{}, map[string]config.Pos{}, &config.GoogleAccount{}, &config.CleverTapAccount{}),
		cmpopts.IgnoreFields(config.Zap{}, "File"), cmp.Comparer(func(a, b *time.Location) bool { return a.String() == b.String() }),
	}
	if diff := cmp.Diff(z, got, options); diff != "" {
		t.Errorf("zap (-want +got):\n%s", diff)
	}
	if got.Actions[0].Account != nil || got.Trigger.Account != nil {
		t.Error("a kept zap has accounts")
	}
}

func TestWhatIsNoKeptZap(t *testing.T) {
	for _, text := range []string{"", "{", keptZap, `[1]`} {
		if z, err := config.ReadKept("leads", []byte(text)); err == nil {
			t.Errorf("ReadKept(%q) = %+v, want an error", text, z)
		}
	}
	_, err := config.ReadKept("leads", []byte(`{"text":"schedule: never\n"}`))
	if _, ok := errors.AsType[config.Diagnostics](err); !ok {
		t.Errorf("ReadKept of a file that makes no sense now: %v, want Diagnostics", err)
	}
}
