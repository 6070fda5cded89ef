package web

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
)

// note is what an action came to, told once on the next page. It goes by a cookie, so that the page needs no memory of who did what.
type note struct {
	Text string `json:"t"`
	Hint string `json:"h,omitempty"`
	Bad  bool   `json:"b,omitempty"`
}

const noteCookie = "rowtap-note"

func leaveNote(w http.ResponseWriter, n note) {
	const most = 600 // of the 4,096 bytes that a cookie may have
	if r := []rune(n.Text); len(r) > most {
		n.Text = string(r[:most]) + "…"
	}
	b, _ := json.Marshal(n) // texts always encode
	http.SetCookie(w, &http.Cookie{
		Name: noteCookie, Value: base64.RawURLEncoding.EncodeToString(b), Path: "/", MaxAge: 60, HttpOnly: true, SameSite: http.SameSiteLaxMode,
	})
}

// takeNote returns the note that was left, nil if there is none.
func takeNote(w http.ResponseWriter, r *http.Request) *note {
	c, err := r.Cookie(noteCookie)
	if err != nil {
		return nil
	}
	http.SetCookie(w, &http.Cookie{Name: noteCookie, Path: "/", MaxAge: -1, HttpOnly: true, SameSite: http.SameSiteLaxMode})
	var n note
	b, err := base64.RawURLEncoding.DecodeString(c.Value)
	if err != nil || json.Unmarshal(b, &n) != nil || n.Text == "" {
		return nil
	}
	return &n
}
