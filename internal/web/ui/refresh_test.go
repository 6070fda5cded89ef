package ui_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rowtap/rowtap/internal/ledger"
	"github.com/rowtap/rowtap/internal/web/ui"
	"github.com/rowtap/rowtap/internal/web/webtest"
)

// refresh requests a page as an open tab does, with the ETag that it knows.
func refresh(t *testing.T, h http.Handler, path, tag string) *httptest.ResponseRecorder {
	t.Helper()
	r := webtest.Request(t, http.MethodGet, path, "")
	if tag != "" {
		r.Header.Set("If-None-Match", tag)
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

func wait(d time.Duration) { <-time.After(d) }

func discard(t *testing.T, e *webtest.Engine, state ledger.State) {
	t.Helper()
	if _, err := e.Ledger.Move(t.Context(), "old", []uint64{1}, []ledger.State{state}, ledger.Discarded, "", time.Now()); err != nil {
		t.Fatal(err)
	}
}

// An unchanged page is a 304 without a body. A change is in the first refresh a second later.
func TestPagesRefresh(t *testing.T) {
	for _, path := range []string{"/", "/?q=old", "/zaps/old", "/zaps/old?state=held", "/zaps/old/why", "/deliveries/old/1"} {
		t.Run(path, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h, e := open(t)
				first := refresh(t, h, path, "")
				tag := first.Header().Get("ETag")
				if want := fmt.Sprintf(`data-tag="%s"`, strings.ReplaceAll(tag, `"`, "&#34;")); first.Code != http.StatusOK || !strings.Contains(first.Body.String(), want) {
					t.Fatalf("%d, %s is not in the page: %s", first.Code, want, first.Body)
				}
				for range 3 {
					if w := refresh(t, h, path, tag); w.Code != http.StatusNotModified || w.Body.Len() != 0 || w.Header().Get("ETag") != tag {
						t.Errorf("unchanged: %d, ETag %s, want 304 and %s: %s", w.Code, w.Header().Get("ETag"), tag, w.Body)
					}
					wait(ui.RefreshEvery)
				}
				discard(t, e, ledger.Held)
				wait(ui.RefreshEvery)
				changed := refresh(t, h, path, tag)
				if now := changed.Header().Get("ETag"); changed.Code != http.StatusOK || now == tag || changed.Body.String() == first.Body.String() {
					t.Errorf("changed: %d, ETag %s, was %s", changed.Code, now, tag)
				}
				if w := refresh(t, h, path, "incomplete"); w.Code != http.StatusOK {
					t.Errorf("with another ETag: %d", w.Code)
				}
			})
		})
	}
}

// The ETag of a page is not that of the page at another address.
func TestEachAddressHasAnETag(t *testing.T) {
	h, _ := open(t)
	tag := refresh(t, h, "/", "").Header().Get("ETag")
	if w := refresh(t, h, "/?q=nothing", tag); w.Code != http.StatusOK || !strings.Contains(w.Body.String(), "No zap matches") {
		t.Errorf("%d: %s", w.Code, w.Body)
	}
}

// What an action changes is on the next page at once, however recent the snapshot is.
func TestAnActionInvalidatesTheSnapshot(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, _ := open(t)
		tag := refresh(t, h, "/", "").Header().Get("ETag")
		if status, body := webtest.Ask(t, h, "POST", "/api/v1/deliveries/discard", `{"ids":["old/1"]}`); status != http.StatusOK {
			t.Fatalf("%d %s", status, body)
		}
		if w := refresh(t, h, "/", tag); w.Code != http.StatusOK || !strings.Contains(w.Body.String(), "All good") {
			t.Errorf("%d: %s", w.Code, w.Body)
		}
	})
}

// A reload changes what pages say of a zap, even if no status changes.
func TestAReloadRefreshesPages(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, e := open(t)
		tag := refresh(t, h, "/zaps/old", "").Header().Get("ETag")
		if err := e.Reload(t.Context()); err != nil {
			t.Fatal(err)
		}
		wait(ui.RefreshEvery)
		if w := refresh(t, h, "/zaps/old", tag); w.Code != http.StatusOK {
			t.Errorf("%d, want the page", w.Code)
		}
	})
}

// A delivery that is retried changes no count of its zap, but what the zap's history says of it.
func TestAnAttemptRefreshesPages(t *testing.T) {
	for _, path := range []string{"/zaps/old", "/deliveries/old/1"} {
		synctest.Test(t, func(t *testing.T) {
			h, e := open(t)
			if _, err := e.Ledger.Move(t.Context(), "old", []uint64{1}, []ledger.State{ledger.Held}, ledger.Queued, "", time.Now()); err != nil {
				t.Fatal(err)
			}
			tag := refresh(t, h, path, "").Header().Get("ETag")
			again := []ledger.Outcome{{Number: 1, State: ledger.Queued, CountAttempt: true, Reason: "CleverTap: 503", RetryAt: time.Now().Add(time.Hour)}}
			if err := e.Ledger.Finish(t.Context(), "old", again, time.Now()); err != nil {
				t.Fatal(err)
			}
			wait(ui.RefreshEvery)
			if w := refresh(t, h, path, tag); w.Code != http.StatusOK || !strings.Contains(w.Body.String(), "CleverTap: 503") {
				t.Errorf("%s: %d", path, w.Code)
			}
		})
	}
}

// Searches are too expensive to repeat every second.
func TestASearchIsNotRefreshed(t *testing.T) {
	h, _ := open(t)
	if body := refresh(t, h, "/zaps/old?q=7", "").Body.String(); strings.Contains(body, "data-tag") || !strings.Contains(body, "old/1") {
		t.Errorf("the page has an ETag: %s", body)
	}
}

// With many changed pages open, some are refreshed later: rendering them takes no more than its
// share of the CPU.
func TestRefreshesArePaced(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, _ := open(t)
		rendered := func() (n int) {
			for i := range 3 * ui.RendersPerSecond {
				path := fmt.Sprintf("/zaps/old?before=old/%d", i+2)
				switch w := refresh(t, h, path, "of a tab"); w.Code {
				case http.StatusOK:
					n++
				case http.StatusNotModified:
					if got := w.Header().Get("ETag"); got != "of a tab" {
						t.Errorf("the ETag is %s: the tab would miss the change", got)
					}
				default:
					t.Errorf("%s: %d", path, w.Code)
				}
			}
			return n
		}
		for range 2 {
			if n := rendered(); n != ui.RendersPerSecond {
				t.Errorf("%d pages are rendered at once, want %d", n, ui.RendersPerSecond)
			}
			wait(time.Second)
		}
		for range 3 {
			if w := refresh(t, h, "/zaps/old/why", ""); w.Code != http.StatusOK {
				t.Errorf("a page that is opened: %d", w.Code)
			}
			if w := refresh(t, h, "/", "of a tab"); w.Code != http.StatusOK {
				t.Errorf("an overview: %d", w.Code)
			}
		}
	})
}

// The result of an action is shown where the form leads, not in the refresh of another tab.
func TestARefreshLeavesTheFlash(t *testing.T) {
	h, _ := open(t)
	b := webtest.NewBrowser(t, h)
	b.Get("/?token=" + testToken)
	b.HTTP.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	b.Submit("/deliveries", "do", "replay", "zap", "old")
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, b.Base+"/", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("If-None-Match", "of a tab")
	resp, err := b.HTTP.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		t.Errorf("the refresh: %s", resp.Status)
	}
	status, _, body := b.Get("/zaps/old")
	b.Sees("the page that the form leads to", status, http.StatusOK, body, "No deliveries are selected")
}
