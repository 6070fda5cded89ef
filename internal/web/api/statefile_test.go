package api_test

import (
	"strings"
	"testing"

	"github.com/rowtap/rowtap/internal/web/webtest"
)

func TestState(t *testing.T) {
	h, _ := open(t)
	tests := []struct {
		name, method, path, body string
		status                   int
		want                     string
	}{
		{"check", "GET", "/api/v1/state/check", "", 200, `{"sound":true,"zaps":1,"damage":[]}`},
		{"rename to what is no name", "POST", "/api/v1/state/rename", `{"from":"old","to":"a b"}`, 400, "cannot be a zap's name"},
		{"rename to itself", "POST", "/api/v1/state/rename", `{"from":"old","to":"old"}`, 400, "the same"},
		{"rename what is not there", "POST", "/api/v1/state/rename", `{"from":"nobody","to":"new"}`, 404, "rowtap status lists the zaps"},
	}
	for _, tt := range tests {
		if status, body := webtest.Ask(t, h, tt.method, tt.path, tt.body); status != tt.status || !strings.Contains(body, tt.want) {
			t.Errorf("%s: %d %s; want %d and %q", tt.name, status, body, tt.status, tt.want)
		}
	}
}
