package api_test

import (
	"testing"

	"github.com/rowtap/rowtap/internal/ledger"
	"github.com/rowtap/rowtap/internal/web/api"
	"github.com/rowtap/rowtap/internal/web/webtest"
)

// All errors of a row are shown, the first also as Error; Why counts them.
func TestAllMistakesOfARow(t *testing.T) {
	e := webtest.New(t)
	problem := &ledger.Problem{Code: "516", Message: "no phone number", Column: "Mobile", Next: &ledger.Problem{Message: "no date", Column: "Joined"}}
	d := ledger.Delivery{Zap: "old", Number: 3, State: ledger.Failed, Problem: problem}
	s := api.New(api.Options{Engine: e.Engine})
	v := s.Show(t.Context(), d)
	if len(v.Errors) != 2 || v.Error == nil || *v.Error != v.Errors[0] || v.Errors[1].Column != "Joined" {
		t.Errorf("error %v, errors %v", v.Error, v.Errors)
	}
	if got, want := v.Why(), "2 mistakes: Mobile: 516: no phone number"; got != want {
		t.Errorf("why %q, want %q", got, want)
	}
}
