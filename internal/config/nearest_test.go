package config_test

import (
	"strings"
	"testing"

	"github.com/rowtap/rowtap/internal/config"
)

func TestNearest(t *testing.T) {
	words := []string{"production", "staging", "in1", "First name", "Überschrift"}
	tests := []struct{ word, want string }{
		{"producton", "production"},
		{"PRODUCTION", "production"},
		{"prduktion", "production"},
		{"prod", ""},
		{"stagign", "staging"},
		{"in2", "in1"},
		{"IN1", "in1"},
		{"First Name", "First name"},
		{"Firstname", "First name"},
		{"überschrift", "Überschrift"},
		{"x", ""}, // any two-letter word is two letters away, with no letter in common
		{"", ""},
		{strings.Repeat("x", 1<<20), ""},
	}
	for _, test := range tests {
		if got := config.Nearest(test.word, words); got != test.want {
			t.Errorf("Nearest(%.20q) = %q, want %q", test.word, got, test.want)
		}
	}
	if got := config.Nearest("cat", []string{"car", "bat"}); got != "car" {
		t.Errorf("Nearest(cat) = %q, want the first of two that are equally close", got)
	}
}
