package preview_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/rowtap/rowtap/internal/hint"
	"github.com/rowtap/rowtap/internal/preview"
	"github.com/rowtap/rowtap/internal/sandbox/lab"
	"github.com/rowtap/rowtap/internal/sheets"
)

// TestLookAsksOnce checks that many zaps of one spreadsheet take the reads of one, and that an
// error of one does not affect the others.
func TestLookAsksOnce(t *testing.T) {
	zaps := map[string]string{}
	for i := range 30 {
		zaps[fmt.Sprintf("zap-%02d", i)] = testZap
	}
	zaps["zap-07"] = strings.Replace(zaps["zap-07"], "worksheet: Signups", "worksheet: Gone", 1)
	zaps["zap-08"] = strings.Replace(zaps["zap-08"], "start:", "header_row: 3, start:", 1)
	r := newRig(t, zaps)
	before := r.box.Reads()
	o, err := preview.Look(t.Context(), r.plan, nil)
	if err != nil {
		t.Fatal(err)
	}
	if reads := r.box.Reads() - before; reads != 2 {
		t.Errorf("%d reads, want 2", reads)
	}
	for _, z := range o.Zaps {
		_, blocked := errors.AsType[*hint.Blocked](z.Err)
		if bad := z.Recipe.Name == "zap-07" || z.Recipe.Name == "zap-08"; blocked != bad || len(z.Missing) > 0 || z.NotLooked {
			t.Errorf("%s: %v, %v", z.Recipe.Name, z.Err, z.Missing)
		}
	}
	for _, a := range o.Accounts {
		if bad := a.Name == "other"; (a.Err != nil) != bad {
			t.Errorf("account %s: %v", a.Name, a.Err)
		}
	}
}

// TestLookAccountFails checks that an error not due to a spreadsheet is reported once, for the
// account.
func TestLookAccountFails(t *testing.T) {
	zaps := map[string]string{}
	for i := range 40 {
		zaps[fmt.Sprintf("zap-%02d", i)] = strings.Replace(testZap, "spreadsheet: book", fmt.Sprintf("spreadsheet: book-%d", i), 1)
	}
	r := newRig(t, zaps)
	tests := []struct {
		fault lab.Fault
		want  sheets.Kind
	}{
		{lab.Fault{API: "sheets", Status: 401}, sheets.Unauthorized},
		{lab.Fault{API: "sheets", Status: 404, Body: "<html>nothing here</html>"}, sheets.Bad},
	}
	for _, tt := range tests {
		r.box.Heal("sheets")
		if err := r.box.Fault(tt.fault); err != nil {
			t.Fatal(err)
		}
		o, err := preview.Look(t.Context(), r.plan, nil)
		if err != nil {
			t.Fatal(err)
		}
		wrong, ok := errors.AsType[*sheets.Error](o.Accounts[0].Err)
		if !ok || wrong.Kind != tt.want || hint.Of(wrong) == "" {
			t.Errorf("account: %v, want %v", o.Accounts[0].Err, tt.want)
		}
		for _, z := range o.Zaps {
			if !z.NotLooked || z.Err != nil {
				t.Errorf("%s: %v, want not checked", z.Recipe.Name, z.Err)
			}
		}
	}
	r.box.Heal("sheets")
	o, err := preview.Look(t.Context(), r.plan, nil)
	if err != nil || o.Accounts[0].Err != nil {
		t.Errorf("account whose spreadsheets are not found: %v, %v", o.Accounts[0].Err, err)
	}
}
