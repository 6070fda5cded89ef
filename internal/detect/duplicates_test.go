package detect_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rowtap/rowtap/internal/detect"
	"github.com/rowtap/rowtap/internal/row"
)

// TestTypedOverACopy: people duplicate a row and type over the copy, cell by cell, between polls.
// The new person is sent once, when the row has been unchanged for a minute, and the original is
// not sent again.
func TestTypedOverACopy(t *testing.T) {
	const header = "Email|Name|City|Plan"
	list := []string{
		"asha@example.com|Asha Rao|Pune|Gold", "ravi@example.com|Ravi Iyer|Goa|Free", "mei@example.com|Mei Chen|Delhi|Free",
		"tom@example.com|Tom Jones|Pune|Silver", "lena@example.com|Lena Berg|Oslo|Gold", "omar@example.com|Omar Khan|Kochi|Free",
		"yuki@example.com|Yuki Sato|Goa|Gold", "nina@example.com|Nina Costa|Delhi|Silver",
	}
	const (
		added  = "new@example.com|Nia New|Pune|Gold"
		second = "second@example.com|Sam Second|Pune|Gold"
		other  = "other@example.com|Olga Other|Goa|Free"
	)
	first, last := list[0], list[len(list)-1]
	at := func(i int, rows ...string) []string { return slices.Insert(slices.Clone(list), i, rows...) }
	end := len(list)
	tests := []struct {
		name  string
		from  int        // as oldTo in begin; 0: the rows at the start were sent
		polls [][]string // the rows at each poll after the first
		want  []string   // the rows sent
	}{
		{"mail, then name, below the row copied", 1 << 30, [][]string{
			at(1, first), at(1, "new@example.com|Asha Rao|Pune|Gold"), at(1, added),
		}, []string{added}},
		{"name, then mail, below the row copied", 1 << 30, [][]string{
			at(1, first), at(1, "asha@example.com|Nia New|Pune|Gold"), at(1, added),
		}, []string{added}},
		{"mail, then name, at the end", 1 << 30, [][]string{
			at(end, first), at(end, "new@example.com|Asha Rao|Pune|Gold"), at(end, added),
		}, []string{added}},
		{"the last row copied", 1 << 30, [][]string{
			at(end, last), at(end, "new@example.com|Nina Costa|Delhi|Silver"), at(end, "new@example.com|Nia New|Delhi|Silver"),
		}, []string{"new@example.com|Nia New|Delhi|Silver"}},
		{"a row that was sent", 0, [][]string{
			at(1, first), at(1, "new@example.com|Asha Rao|Pune|Gold"), at(1, added),
		}, []string{added}},
		{"above the row copied", 0, [][]string{
			at(0, first), at(0, "new@example.com|Asha Rao|Pune|Gold"), at(0, added),
		}, []string{added}},
		{"every cell, with pauses", 1 << 30, [][]string{
			at(4, first), at(4, first), at(4, "new@example.com|Asha Rao|Pune|Gold"), at(4, "new@example.com|Asha Rao|Pune|Gold"),
			at(4, added), at(4, "new@example.com|Nia New|Oslo|Gold"), at(4, "new@example.com|Nia New|Oslo|Free"),
		}, []string{"new@example.com|Nia New|Oslo|Free"}},
		{"two copies, one after the other", 1 << 30, [][]string{
			at(end, first), at(end, added), at(end, added, first), at(end, added, second),
		}, []string{added, second}},
		{"two rows copied together", 1 << 30, [][]string{
			at(end, list[0], list[1]), at(end, added, list[1]), at(end, added, other),
		}, []string{added, other}},
		{"another row is added at the same time", 1 << 30, [][]string{
			at(1, first), append(at(1, "new@example.com|Asha Rao|Pune|Gold"), other), append(at(1, added), other),
		}, []string{other, added}},
		{"typed over within one poll", 1 << 30, [][]string{at(1, added)}, []string{added}},
		{"typed over while all of it is tidied", 1 << 30, [][]string{
			at(1, first), upper(at(1, "new@example.com|Asha Rao|Pune|Gold")), upper(at(1, added)),
		}, upper([]string{added})},
		{"typed over at the end while all of it is tidied", 0, [][]string{
			at(end, first), upper(at(end, "new@example.com|Nia New|Pune|Gold")), at(end, added),
		}, []string{added}},
		{"tidied, then typed over", 1 << 30, [][]string{
			at(1, first), upper(at(1, first)), at(1, "new@example.com|Asha Rao|Pune|Gold"), upper(at(1, added)),
		}, upper([]string{added})},
		{"the row copied is tidied, then the copy typed over", 1 << 30, [][]string{
			at(end, first), append(upper(list[:1]), at(end, first)[1:]...),
			append(upper(list[:1]), at(end, "new@example.com|Asha Rao|Pune|Gold")[1:]...), at(end, added),
		}, []string{added}},
		{"the copy is deleted again", 1 << 30, [][]string{at(1, first), list}, nil},
		{"the original is deleted, and the copy takes its role", 1 << 30, [][]string{at(end, first), at(end, first)[1:]}, nil},
		{"the row copied is deleted, and the copy below others typed over later", 1 << 30, [][]string{
			at(end, first), at(end, first)[1:], at(end, "asha@example.com|Asha Rao|Goa|Gold")[1:],
		}, nil},
		{"the row copied is edited, and the copy typed over", 1 << 30, [][]string{
			at(end, first), append([]string{"asha@example.com|Asha Rao|Goa|Gold"}, at(end, added)[1:]...),
		}, []string{added}},
		{"the row copied is edited while the copy is typed over", 1 << 30, [][]string{
			at(end, first), append([]string{"asha@example.com|Asha Rao|Goa|Gold"}, at(end, "new@example.com|Asha Rao|Pune|Gold")[1:]...),
			append([]string{"asha@example.com|Asha Rao|Goa|Gold"}, at(end, added)[1:]...),
		}, []string{added}},
		{"two copies below each other, both typed over as a whole", 1 << 30, [][]string{at(end, first, first), at(end, added, other)}, []string{added, other}},
		{"two copies, one typed over as a whole, one deleted", 1 << 30, [][]string{at(end, first, first), at(end, other)}, []string{other}},
		{"the copy is typed over as a whole, another one is added above it", 1 << 30, [][]string{at(end, first), at(end, other, added)}, []string{added, other}},
		{"the copy is typed over as a whole, and others are edited and deleted", 1 << 30, [][]string{
			at(end, first), append([]string{"asha@example.com|Asha Rao|Goa|Gold"}, append(slices.Clone(list[2:]), added)...),
		}, []string{added}},
		{"the copy is typed over as a whole, and another row elsewhere", 1 << 30, [][]string{
			at(end, first), append(at(3, other)[:4], append(slices.Clone(list[4:]), added)...),
		}, []string{other, added}},
		{"two copies, and the row copied typed over", 1 << 30, [][]string{
			at(end, first, first), append([]string{"new@example.com|Asha Rao|Pune|Gold"}, at(end, first, first)[1:]...),
		}, []string{first, "new@example.com|Asha Rao|Pune|Gold"}},
		{"two copies, and the row copied deleted", 1 << 30, [][]string{at(end, first, first), at(end, first, first)[1:]}, []string{first}},
		{"the copy stays: a returning person", 1 << 30, [][]string{at(1, first)}, []string{first}},
		{"two equal rows are new together", 1 << 30, [][]string{at(end, added, added)}, []string{added, added}},
	}
	for _, tt := range tests {
		for _, require := range [][]string{nil, {"Email"}} {
			t.Run(tt.name+map[bool]string{true: ", required"}[require != nil], func(t *testing.T) {
				sheets := []wholeSheet{listed(header, list)}
				for _, rows := range tt.polls {
					sheets = append(sheets, listed(header, rows))
				}
				o := waitForCopies(detect.Options{Require: require})
				if got := sentOf(t, o, tt.from, sheets); !slices.Equal(got, tt.want) {
					t.Errorf("sent %q, want %q", got, tt.want)
				}
			})
		}
	}
}

// TestOriginalDeleted: if a row or its copy is deleted, the deleted one counts as the copy.
func TestOriginalDeleted(t *testing.T) {
	list := []string{"asha@example.com|Asha", "ravi@example.com|Ravi", "mei@example.com|Mei", "tom@example.com|Tom", "lena@example.com|Lena"}
	o := waitForCopies(detect.Options{})
	r := begin(listed("Email|Name", list), o, 1<<30, 1, start)
	r = r.then(listed("Email|Name", append(slices.Clone(list), list[0])), o, start.Add(30*time.Second))
	copied := r.Found[0].Delivery
	r = r.then(listed("Email|Name", append(slices.Clone(list[1:]), list[0])), o, start.Add(time.Minute))
	if len(r.Changes) != 1 || r.Changes[0].Kind != detect.Deleted || r.Changes[0].Delivery != copied {
		t.Errorf("changes %+v, want delivery %d deleted", r.Changes, copied)
	}
}

// upper returns the rows in upper case, as tidying does.
func upper(rows []string) []string {
	tidied := slices.Clone(rows)
	for i, r := range tidied {
		tidied[i] = strings.ToUpper(r)
	}
	return tidied
}

// TestCopiesAtOnce: with settle: 0s a copy is sent at once, like any new row.
func TestCopiesAtOnce(t *testing.T) {
	before := []string{"asha@example.com|Asha", "ravi@example.com|Ravi", "mei@example.com|Mei"}
	after := append(slices.Clone(before), before[1])
	c := begin(listed("Email|Name", before), detect.Options{}, 1<<30, 1, start).Cursor
	r := diff(c, listed("Email|Name", after), copiesAtOnce(detect.Options{}), start.Add(30*time.Second))
	if len(r.Found) != 1 || r.Found[0].Row != 5 || r.Found[0].State != detect.Ready {
		t.Errorf("found %+v, want row 5 ready", r.Found)
	}
}

// waitForCopies returns the options of a zap without settle: a new row that equals an existing one
// waits until it has been unchanged for a minute.
func waitForCopies(o detect.Options) detect.Options {
	o.SettleCopies = time.Minute
	return o
}

// copiesAtOnce returns the options of a zap with settle: 0s.
func copiesAtOnce(o detect.Options) detect.Options {
	return o
}

// sentOf reads the sheets one after the other, 30 seconds apart, and then the last one until
// nothing waits any more. It returns each row sent after the first read, as it was when sent.
func sentOf(t testing.TB, o detect.Options, from int, sheets []wholeSheet) []string {
	t.Helper()
	const quiet = 6
	var sent []string
	r, now := begin(sheets[0], o, from, 1, start), start
	for i := 1; i < len(sheets)+quiet; i++ {
		now = now.Add(30 * time.Second)
		r.Cursor = recoded(t, r.Cursor)
		r = r.then(sheets[min(i, len(sheets)-1)], o, now)
		if r.Doubt != "" {
			t.Fatalf("poll %d is doubted: %s", i, r.Doubt)
		}
		for _, f := range r.Found {
			switch f.State {
			case detect.Ready:
				sent = append(sent, textOf(r.row(f.Row)))
			case detect.Held, detect.Skipped:
				t.Errorf("poll %d: row %d is %s: %s", i, f.Row, f.State, f.Reason)
			case detect.Waiting:
			}
		}
		for _, c := range r.Changes {
			switch c.Kind {
			case detect.BecameReady:
				sent = append(sent, textOf(r.row(c.Row)))
			case detect.BecameHeld:
				t.Errorf("poll %d: row %d became held: %s", i, c.Row, c.Reason)
			case detect.Edited, detect.Deleted, detect.Back, detect.Moved:
			}
		}
	}
	return sent
}

// listed returns a sheet of rows whose cells are separated by bars.
func listed(header string, rows []string) wholeSheet {
	return written(strings.Join(append([]string{header}, rows...), "/"))
}

func textOf(r row.Row) string {
	var cells []string
	for _, c := range r.Cells {
		cells = append(cells, c.String())
	}
	return strings.Join(cells, "|")
}
