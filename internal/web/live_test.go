package web

import (
	"context"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rowtap/rowtap/internal/ledger"
)

func TestOpenPagesHearOfNews(t *testing.T) {
	for _, tt := range []struct{ page, of string }{{"/", ""}, {"/zaps/old", "old"}, {"/deliveries/old/1", "old/1"}} {
		synctest.Test(t, func(t *testing.T) {
			h, e := open(t)
			get := func(ctx context.Context, path string) *httptest.ResponseRecorder {
				r := httptest.NewRequestWithContext(ctx, "GET", path, nil)
				r.Host = "localhost"
				r.Header.Set("Authorization", "Bearer "+token)
				w := httptest.NewRecorder()
				h.ServeHTTP(w, r)
				return w
			}
			seen := regexp.MustCompile(`data-news="` + tt.of + `" data-seen="(\w+)"`).FindStringSubmatch(get(t.Context(), tt.page).Body.String())
			if seen == nil {
				t.Fatalf("%s does not say what it waits for", tt.page)
			}
			news := func(since string) int { // heard of within 20 seconds
				ctx, stop := context.WithTimeout(t.Context(), 20*time.Second)
				defer stop()
				return strings.Count(get(ctx, "/live?"+url.Values{"of": {tt.of}, "seen": {since}}.Encode()).Body.String(), "event: news")
			}
			if got := news(seen[1]); got != 0 {
				t.Errorf("%s: %d news, and nothing has happened", tt.page, got)
			}
			if _, err := e.Ledger().Move(t.Context(), "old", []uint64{1}, []ledger.State{ledger.Held}, ledger.Discarded, "", time.Now()); err != nil {
				t.Fatal(err)
			}
			if got := news(seen[1]); got != 1 {
				t.Errorf("%s: %d news of what happened before it listened, want 1", tt.page, got)
			}
			if got := news("of another daemon"); got != 1 {
				t.Errorf("%s: %d news for who has seen another state, want 1", tt.page, got)
			}
		})
	}
}

func TestAnOverviewIsPaged(t *testing.T) {
	tests := []struct {
		query         string
		zaps          int
		first, last   int
		before, after string
	}{
		{"", 50, 1, 50, "", ""},
		{"", 51, 1, 50, "", "/?page=2"},
		{"page=2", 51, 51, 51, "/", ""},
		{"page=2&q=sign+ups&show=running", 130, 51, 100, "/?q=sign+ups&show=running", "/?page=3&q=sign+ups&show=running"},
		{"page=9", 51, 51, 51, "/", ""},
		{"page=-1", 51, 1, 50, "", "/?page=2"},
		{"page=x", 3, 1, 3, "", ""},
		{"", 0, 1, 0, "", ""},
	}
	for _, tt := range tests {
		query, err := url.ParseQuery(tt.query)
		if err != nil {
			t.Fatal(err)
		}
		o := overview{Zaps: make([]zapLine, tt.zaps)}
		o.turnTo(choiceOf(query))
		if o.First != tt.first || o.Last != tt.last || len(o.Zaps) != tt.last-tt.first+1 || o.Before != tt.before || o.After != tt.after || o.Matching != tt.zaps {
			t.Errorf("%q of %d zaps: %d to %d (%d), before %q, after %q", tt.query, tt.zaps, o.First, o.Last, len(o.Zaps), o.Before, o.After)
		}
	}
}
