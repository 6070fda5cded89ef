package ui

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
)

// flash is the result of an action, shown once on the next page. It travels in a cookie, so the
// server keeps no state per reader.
type flash struct {
	Text string `json:"t"`
	Hint string `json:"h,omitempty"`
	Bad  bool   `json:"b,omitempty"`
}

const flashCookie = "rowtap-flash"

func leaveFlash(w http.ResponseWriter, f flash) {
	const longest = 600 // a cookie may have 4,096 bytes
	if r := []rune(f.Text); len(r) > longest {
		f.Text = string(r[:longest]) + "…"
	}
	b, _ := json.Marshal(f) // texts always encode
	http.SetCookie(w, &http.Cookie{
		Name: flashCookie, Value: base64.RawURLEncoding.EncodeToString(b), Path: "/", MaxAge: 60, HttpOnly: true, SameSite: http.SameSiteLaxMode,
	})
}

// takeFlash returns the flash that was left and deletes its cookie, or nil if there is none.
func takeFlash(w http.ResponseWriter, r *http.Request) *flash {
	c, err := r.Cookie(flashCookie)
	if err != nil {
		return nil
	}
	http.SetCookie(w, &http.Cookie{Name: flashCookie, Path: "/", MaxAge: -1, HttpOnly: true, SameSite: http.SameSiteLaxMode})
	var f flash
	b, err := base64.RawURLEncoding.DecodeString(c.Value)
	if err != nil || json.Unmarshal(b, &f) != nil || f.Text == "" {
		return nil
	}
	return &f
}
