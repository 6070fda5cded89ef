package clevertap_test

import (
	"strings"
	"testing"

	"github.com/rowtap/rowtap/internal/clevertap"
)

func TestRefuseIdentity(t *testing.T) {
	tests := []struct {
		id   string
		want int // code; 0: accepted
	}{
		{"asha@example.com", 0},
		{"12", 0},
		{"nobody", 0},
		{strings.Repeat("é", 1024), 0},
		{strings.Repeat("é", 1025), 523},
		{"", 523},
		{" \t", 523},
		{"0", 523},
		{"-1", 523},
		{"None", 523},
		{"NULL", 523},
		{" n/a ", 523},
		{"-Infinity", 523},
		{"xxxxxx", 523},
		{"xxxxxxx", 0},
		{"00", 0},
	}
	for _, tt := range tests {
		why, refused := clevertap.RefuseIdentity(tt.id)
		if refused != (tt.want != 0) || why.Code != tt.want || refused == (why.Message == "") {
			t.Errorf("identity %.40q: got %v, %v; want code %d", tt.id, why, refused, tt.want)
		}
	}
}

func TestRefuseEventName(t *testing.T) {
	tests := []struct {
		name string
		want int // code; 0: accepted
	}{
		{"Webinar Signup", 0},
		{"Charged", 0},
		{"App Launched Again", 0},
		{"App", 0},
		{"", 509},
		{"  ", 509},
		{"App Launched", 513},
		{"app launched", 513},
		{"APPLAUNCHED", 513},
		{"Notification Delivered", 513},
		{" Stayed ", 513},
		{"Web Page Viewed", 513},
		{"Identity Set", 513},
		{"Identity Sets", 0},
		{strings.Repeat("Notification Delivered", 2), 0},
	}
	for _, tt := range tests {
		why, refused := clevertap.RefuseEventName(tt.name)
		if refused != (tt.want != 0) || why.Code != tt.want || refused == (why.Message == "") {
			t.Errorf("event name %q: got %v, %v; want code %d", tt.name, why, refused, tt.want)
		}
	}
}

func TestRefusalString(t *testing.T) {
	tests := []struct {
		refusal clevertap.Refusal
		want    string
	}{
		{clevertap.Refusal{Code: 515, Message: "Email is not valid"}, "Email is not valid (CleverTap code 515)"},
		{clevertap.Refusal{Message: "Email is not valid"}, "Email is not valid"},
	}
	for _, tt := range tests {
		if got := tt.refusal.String(); got != tt.want {
			t.Errorf("got %q, want %q", got, tt.want)
		}
	}
}
