package engine

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rowtap/rowtap/internal/ledger"
	"github.com/rowtap/rowtap/internal/sandbox"
	"github.com/rowtap/rowtap/internal/sandbox/lab"
)

const actionsZap = `enabled: true
schedule: "@every 1m"
trigger: {app: google_sheets, event: new_spreadsheet_row, account: marketing, spreadsheet: book, worksheet: Signups, start: beginning, max_new_rows: 0}
actions:
  - {app: clevertap, event: create_update_user_profile, account: production, identity: "{{Email}}", properties: {Score: "{{Score}}"}}
  - {app: clevertap, event: upload_event, account: %s, identity: "{{Email}}", event_name: Signup, properties: {Score: "{{Score}}"}}
`

func profileThenEvent(eventAccount string) string { return fmt.Sprintf(actionsZap, eventAccount) }

// took returns what CleverTap has accepted, record by record: "profile a".
func (r *rig) took() string {
	var took []string
	for _, rec := range r.box.CleverTap().Records(sandbox.RecordQuery{}) {
		took = append(took, rec.Type+" "+rec.Identity)
	}
	return strings.Join(took, ", ")
}

// TestActionsOfARow sends two records for each row, the second after the first is accepted.
func TestActionsOfARow(t *testing.T) {
	r := newRig(t, map[string]string{"z": profileThenEvent("production")})
	r.append(t, [2]string{"a", "1"}, [2]string{"b", "2"})
	if s := r.once(t); s.Found != 2 || s.Sent != 4 || s.StillQueued != 0 {
		t.Errorf("%+v, want 2 rows found and 4 deliveries sent", s)
	}
	if got, want := r.took(), "profile a, profile b, event a, event b"; got != want {
		t.Errorf("CleverTap accepted %s, want %s", got, want)
	}
	ds, err := r.Deliveries(t.Context(), ledger.Query{Zap: "z", Row: 2})
	if err != nil || len(ds) != 2 {
		t.Fatalf("deliveries of row 2: %+v, %v", ds, err)
	}
	event, profile := ds[0], ds[1]
	if profile.Action != "create_update_user_profile" || profile.First != 0 || profile.Next != event.Number ||
		event.Action != "upload_event" || event.First != profile.Number || event.Next != 0 || !event.DetectedAt.Equal(profile.DetectedAt) {
		t.Errorf("the two deliveries of row 2 do not refer to each other: %+v, %+v", profile, event)
	}
	why, err := r.Why(t.Context(), "z", 2)
	if want := "sent as z/1; upload_event: sent as z/3"; err != nil || why.Reason != want {
		t.Errorf("why: %q, %v; want %q", why.Reason, err, want)
	}
	r.append(t, [2]string{"c", "3"})
	r.poll(t, "z")
	r.once(t)
	if got := r.states(t, "z"); got != "ssssss" {
		t.Errorf("states %s, want all sent", got)
	}
}

// TestTheSecondActionWaitsForTheFirst has CleverTap refuse the profile: the event is sent once the
// row is corrected.
func TestTheSecondActionWaitsForTheFirst(t *testing.T) {
	r := newRig(t, map[string]string{"z": profileThenEvent("production")})
	r.append(t, [2]string{"a", "1"}, [2]string{"b", "2"}, [2]string{"c", "3"})
	for _, id := range []string{"a", "c"} {
		r.box.CleverTap().Refuse(lab.Refusal{Identity: id, Code: 515, Times: 1})
	}
	r.once(t)
	if got, want := r.took(), "profile b, event b"; got != want {
		t.Errorf("CleverTap accepted %s, want %s", got, want)
	}
	why, err := r.Why(t.Context(), "z", 2)
	if err != nil || !strings.HasSuffix(why.Reason, "; upload_event is sent once that is accepted") {
		t.Errorf("why: %q, %v", why.Reason, err)
	}
	if done, err := r.Act(t.Context(), Discard, Selection{IDs: []string{"z/3"}}); err != nil || done.Count != 1 {
		t.Fatalf("Discard = %+v, %v", done, err)
	}
	if err := r.box.Sheets().Set("book", "Signups", 2, 2, sandbox.Number(7)); err != nil {
		t.Fatal(err)
	}
	r.once(t)
	if got, want := r.took(), "profile b, event b, profile a, event a"; got != want {
		t.Errorf("CleverTap accepted %s, want %s: the corrected row and its event, not the discarded row's", got, want)
	}
	records := r.box.CleverTap().Records(sandbox.RecordQuery{})
	if got := scoreOf(t, records[len(records)-1]); got != 7 {
		t.Errorf("the event of the corrected row has score %v, want 7", got)
	}
}

// TestEachActionIsReplayedByItself replays the second action of one row and the first of another.
func TestEachActionIsReplayedByItself(t *testing.T) {
	r := newRig(t, map[string]string{"z": profileThenEvent("production")})
	r.append(t, [2]string{"a", "1"}, [2]string{"b", "2"})
	r.poll(t, "z")
	r.once(t)
	if got := r.states(t, "z"); got != "ssss" {
		t.Fatalf("states %s, want ssss", got)
	}
	for _, id := range []string{"z/1", "z/4"} {
		if done, err := r.Act(t.Context(), Replay, Selection{IDs: []string{id}, Again: true}); err != nil || done.Count != 1 {
			t.Fatalf("Replay %s = %+v, %v", id, done, err)
		}
	}
	r.once(t)
	if got, want := r.took(), "profile a, profile b, event a, event b, profile a, event b"; got != want {
		t.Errorf("CleverTap accepted %s, want %s", got, want)
	}
	if got := r.states(t, "z"); got != "ssss" {
		t.Errorf("states %s: a replay makes no delivery", got)
	}
}

// TestAMendedRowGoesByTheActionThatFailed has the event of a row fail in mapping after its profile
// was sent. The corrected row sends only the event.
func TestAMendedRowGoesByTheActionThatFailed(t *testing.T) {
	zap := strings.Replace(profileThenEvent("production"), `event_name: Signup, properties: {Score: "{{Score}}"}`,
		`event_name: Signup, properties: {Score: {value: "{{Score}}", type: number}}`, 1)
	r := newRig(t, map[string]string{"z": zap})
	r.append(t, [2]string{"a", "none"}, [2]string{"b", "2"})
	r.once(t)
	if got := r.states(t, "z"); got != "ssfs" {
		t.Fatalf("states %s, want only the event of a failed", got)
	}
	if err := r.box.Sheets().Set("book", "Signups", 2, 2, sandbox.Number(7)); err != nil {
		t.Fatal(err)
	}
	r.once(t)
	if got, want := r.took(), "profile a, profile b, event b, event a"; got != want {
		t.Errorf("CleverTap accepted %s, want %s", got, want)
	}
}

// TestNoRecordOfADroppedRow: a row dropped by the filter, or found in shadow mode, is not sent by
// any action.
func TestNoRecordOfADroppedRow(t *testing.T) {
	r := newRig(t, map[string]string{
		"filtered": "filter: Score > 1\n" + profileThenEvent("production"),
		"shadow":   "shadow: true\n" + profileThenEvent("production"),
	})
	r.append(t, [2]string{"a", "1"}, [2]string{"b", "2"})
	r.once(t)
	if got, want := r.took(), "profile b, event b"; got != want {
		t.Errorf("CleverTap accepted %s, want %s", got, want)
	}
	if got := r.states(t, "filtered") + " " + r.states(t, "shadow"); got != "kss vvvv" {
		t.Errorf("states %s, want kss vvvv", got)
	}
	if n := r.box.CleverTap().Counts().DryRuns; n == 0 {
		t.Error("the zap in shadow mode was not validated")
	}
}

// TestActionsOfSeveralAccounts has the event go to an account whose passcode is wrong: the profiles
// are sent nevertheless.
func TestActionsOfSeveralAccounts(t *testing.T) {
	r := newRig(t, map[string]string{"z": profileThenEvent("other")})
	r.append(t, [2]string{"a", "1"}, [2]string{"b", "2"})
	if s := r.once(t); s.Sent != 2 || s.StillQueued != 2 {
		t.Errorf("%+v, want the profiles sent and the events queued", s)
	}
	st, err := r.Status(t.Context())
	if err != nil || st.Zaps[0].State != NeedsHand || st.Zaps[0].Queued != 2 {
		t.Errorf("status %+v, %v; want the zap blocked with 2 queued", st.Zaps, err)
	}
	r.append(t, [2]string{"c", "3"})
	r.poll(t, "z")
	if s := r.once(t); s.Sent != 1 || s.StillQueued != 3 {
		t.Errorf("%+v, want the third profile sent past queued events", s)
	}
	r.write(t, "z", profileThenEvent("production"))
	if s := r.once(t); s.Sent != 3 || s.StillQueued != 0 {
		t.Errorf("%+v, want the events sent by the other account", s)
	}
}

// TestAnActionThatIsGone removes an action from the zap file while rows are queued for it.
func TestAnActionThatIsGone(t *testing.T) {
	r := newRig(t, map[string]string{"z": profileThenEvent("other")})
	r.append(t, [2]string{"a", "1"})
	r.once(t)
	r.write(t, "z", profileZap("production"))
	r.once(t)
	if got := r.states(t, "z"); got != "sf" {
		t.Errorf("states %s, want the event failed", got)
	}
	d, now, _, err := r.Delivery(t.Context(), "z", 2)
	if err != nil || d.Problem == nil || !strings.Contains(d.Problem.Message, "upload_event") || now.Problem == nil {
		t.Errorf("the event's problem: %+v, %+v, %v", d.Problem, now.Problem, err)
	}
	r.write(t, "z", profileThenEvent("production"))
	if done, err := r.Act(t.Context(), Replay, Selection{Zap: "z"}); err != nil || done.Count != 1 {
		t.Fatalf("Replay = %+v, %v", done, err)
	}
	r.once(t)
	if got, want := r.took(), "profile a, event a"; got != want {
		t.Errorf("CleverTap accepted %s, want %s", got, want)
	}
	// A row's first delivery uses the first action, whichever that is by now.
	r.append(t, [2]string{"b", "1"})
	r.poll(t, "z")
	r.write(t, "z", eventZap("production"))
	r.once(t)
	if got, want := r.took(), "profile a, event a, event b"; got != want {
		t.Errorf("CleverTap accepted %s, want %s", got, want)
	}
}

// TestActionsInChaos has CleverTap respond late and wrong in all ways while rows are added. The
// profile of each row is accepted before its event arrives, an upload with a profile holds no other
// record of that user, and nothing is lost.
func TestActionsInChaos(t *testing.T) {
	for seed := range uint64(3) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { testActionsInChaos(t, seed) })
		})
	}
}

func testActionsInChaos(t *testing.T, seed uint64) {
	b := newBubble(t, "resend", map[string]string{"z": profileThenEvent("production")})
	c := &chaos{t: t, inner: b.cleverTap.handler, random: rand.New(rand.NewPCG(seed, 3)), underway: map[string]int{}, in: map[int]map[int]bool{}}
	b.cleverTap.handler = c
	random := rand.New(rand.NewPCG(seed, 4))
	score := 0
	for range 12 {
		for range random.IntN(30) {
			score++
			b.add(t, [2]string{fmt.Sprint("user-", random.IntN(9)), fmt.Sprint(score)})
		}
		if random.IntN(4) == 0 {
			b.box.CleverTap().Refuse(lab.Refusal{Identity: fmt.Sprint("user-", random.IntN(9)), Code: 555, Times: 1 + random.IntN(4)})
		}
		b.pass(time.Duration(random.IntN(90)) * time.Second)
	}
	b.pass(time.Minute)
	c.heal()
	b.until(t, "all is sent", 30*time.Minute, func() bool {
		got := b.states(t, "z")
		return len(got) == 2*score && !strings.Contains(got, "q")
	})
	profiles, events := map[int]bool{}, map[int]int{}
	for _, r := range b.box.CleverTap().Records(sandbox.RecordQuery{}) {
		n := int(scoreOf(t, r))
		if r.Type == "profile" {
			profiles[n] = true
			continue
		}
		if events[n]++; !profiles[n] {
			t.Errorf("the event of row %d came before its profile", n+1)
		}
	}
	marked := b.marked(t, "z")
	if len(profiles) != score || len(events) < score-strings.Count(strings.ToLower(marked), "h") {
		t.Errorf("of %d rows CleverTap has %d profiles and %d events; states %s", score, len(profiles), len(events), marked)
	}
	ds, err := b.Deliveries(t.Context(), ledger.Query{Zap: "z"})
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range ds {
		if n := events[d.Row.Number-1]; d.First != 0 && n > 1 && !d.MaybeTwice {
			t.Errorf("the event of row %d arrived %d times and is not marked", d.Row.Number, n)
		}
	}
}
