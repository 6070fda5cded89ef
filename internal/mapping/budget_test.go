package mapping_test

import (
	"fmt"
	"runtime"
	"strings"
	"testing"

	"github.com/rowtap/rowtap/internal/config"
	"github.com/rowtap/rowtap/internal/mapping"
	"github.com/rowtap/rowtap/internal/row"
)

const tooMuch = "the expression exceeds the limit for one row (about 100 ms of computing, 1 MB of text)"

// endless is an expression that would take years to evaluate.
const endless = `let a = 1..1000; all(a, {all(a, {all(a, {all(a, {Name != nil})})})})`

// greedy is a row with the largest cells that Google Sheets allows.
func greedy() sheet {
	tags := make([]string, 8300)
	for i := range tags {
		tags[i] = fmt.Sprintf("t%04d", i)
	}
	return cells("Name", "Asha", "Tags", strings.Join(tags, ","), "Long", strings.Repeat("x", 40_000), "Few", strings.Join(tags[:400], ","),
		"When", row.DateCell(43164.5), "N", 5, "Pattern", "(x+x+)+y", "JSON", "["+strings.Repeat("{},", 16_000)+"1]")
}

func doubled(times int) string {
	var b strings.Builder
	b.WriteString("let a0 = Long; ")
	for i := range times {
		fmt.Fprintf(&b, "let a%d = a%d + a%d; ", i+1, i, i)
	}
	return fmt.Sprintf("%slen(a%d)", b.String(), times)
}

// TestBudget checks that whatever takes too much work fails with an error, and that anything else
// gives its value.
func TestBudget(t *testing.T) {
	s := greedy()
	tests := []struct{ expression, want string }{
		// Rounds of predicates.
		{endless, tooMuch},
		{`let a = 1..1000; all(a, {all(a, {all(a, {all(a, {true})})})})`, tooMuch},
		{`let a = 1..500000; all(a, all([], true))`, tooMuch},
		{`let a = 1..1000; count(a, {let b = #; any(a, # == b)})`, tooMuch},
		{`let a = 1..300; count(a, {let b = #; any(a, # == b)})`, `300`},
		{`any(split(Tags, ","), {let t = #; count(split(Tags, ","), # == t) > 1})`, tooMuch},
		{`any(split(Few, ","), {let t = #; count(split(Few, ","), # == t) > 1})`, `false`},
		{`len(uniq(split(Tags, ","))) < len(split(Tags, ","))`, `false`},
		{`len(uniq(map(split(Tags, ","), trim(#))))`, `8300`},
		{`uniq([1, 1.0, "1", true, true, [1], [1], nil, nil, N])`, `[1,"1",true,[1],null,5]`},
		{`len(uniq(map(1..20000, [#])))`, tooMuch},

		// Texts.
		{doubled(30), tooMuch},
		{doubled(4), `640000`},
		{`[repeat(Long, 26)]`, `["` + strings.Repeat("x", 26*40_000) + `"]`},
		{`[repeat(Long, 27)]`, tooMuch},
		{`repeat(Long, 27)`, tooMuch},
		{`len(repeat(Long, 1000000))`, tooMuch},
		{`len(repeat("x", When.Unix()))`, tooMuch},
		{`len(replace(Long, "x", Long))`, tooMuch},
		{`len(join(split(Tags, ","), Long))`, tooMuch},
		{`let l = Long + Long; all(1..100000, l == Long + Long)`, tooMuch},
		{`all(1..100000, not (Long contains (Long[:20000] + "y")))`, tooMuch},
		{`let m = {"a": 1}; all(1..900000, m[Long] == nil)`, tooMuch},
		{`all(1..900000, ({(Long): 1}) != nil)`, tooMuch},
		{`trim(Long + "é", Tags + "é") != ""`, tooMuch},
		{`all(1..900000, When.Format(Long) != "")`, tooMuch},
		{`all(1..900000, upper(Long) != "")`, tooMuch},
		{`all(1..900000, string(Long) != "")`, tooMuch},

		// Lists.
		{`len(N..20000000)`, tooMuch},
		{`1..When.Unix()`, tooMuch},
		{`len(N..max([N, 1/0]))`, tooMuch},
		{`len(1..900000)`, `900000`},
		{`let l = split(Tags, ","); len(map(1..900, sort(l)))`, tooMuch},
		{`let l = map(1..40000, Long[:#]); len(sortBy(l, #))`, tooMuch},
		{`let l = map(1..40000, Long[:#]); len(groupBy(l, #))`, tooMuch},
		{`let l = split(Tags, ","); len(map(1..900, concat(l, l)))`, tooMuch},
		{`let l = split(Tags, ","); all(1..900000, "z" not in l)`, tooMuch},
		{`let l = 1..300000; all(1..300, sum(l) > 0)`, tooMuch},
		{`len(map(1..900, fromJSON(JSON)))`, tooMuch},
		{`len(fromJSON(JSON))`, `16001`},

		// Nested lists, which recursion would descend into.
		{`let a = reduce(1..200000, [#acc], 0); let b = reduce(1..200000, [#acc], 0); a == b`, tooMuch},
		{`toJSON(reduce(1..200000, [#acc], 0))`, tooMuch},
		{`flatten(reduce(1..200000, [#acc], 0))`, tooMuch},
		{`reduce(1..200000, [#acc], 0)`, tooMuch},
		{`reduce(1..40, [#acc, #acc], [1])`, tooMuch},
		{`let a = reduce(1..40, [#acc, #acc], [1]); a == a`, tooMuch},
		{`max(reduce(1..40, [#acc, #acc], [1]))`, tooMuch},

		// Patterns.
		{`all(1..900000, Long matches "^(x+x+)+y$")`, `false`},
		{`all(1..900000, not (Long matches "^(x+x+)+y$"))`, tooMuch},
		{`Long matches Pattern`, `false`},
		{`Long matches "x{900}y"`, tooMuch},
		{`Long matches repeat("[x-y]{900}", 200)`, tooMuch},
		{`Name matches repeat("\\pL?", 5000)`, tooMuch},
		{`Name matches "^(?i)[a-z]+$"`, `true`},

		// Files and clocks.
		{`all(1..900000, timezone("Asia/Kolkata") != nil)`, tooMuch},
		{`all(1..900000, When.Unix() > 0)`, tooMuch},

		// A range that is only compared is not built.
		{`N in 1..1000000000000`, `true`},
		{`N not in 6..1000000000000`, `true`},
		{`N + 0.5 in 1..10`, `false`},
		{`(Name in 1..10) or (row["No such"] in 1..10)`, `false`},
	}
	for _, tt := range tests {
		s := s
		if strings.Contains(tt.expression, "No such") {
			s = cells("Name", "Asha", "No such", nil)
		}
		got := outcome(t, profile(config.Property{Value: at("{{ " + tt.expression + " }}"), Type: config.JSON}), s)
		want := `"P":` + tt.want + `}`
		if tt.want == tooMuch {
			want = tooMuch
		}
		if !strings.Contains(got, want) {
			t.Errorf("%s\n got %.300s\nwant %.300s", tt.expression, got, want)
		}
	}
}

// TestBudgetEverywhere checks that an endless expression fails the row, and a constant one the
// file, in every place that takes an expression.
func TestBudgetEverywhere(t *testing.T) {
	s := greedy()
	text := func(x string) config.Template { return at(`{{ (` + x + `) ? "a" : "b" }}`) }
	places := map[string]func(z *config.Zap, x string){
		"filter":   func(z *config.Zap, x string) { f := at(x); z.Filter = &f },
		"identity": func(z *config.Zap, x string) { z.Actions[0].ID = text(x) },
		"property": func(z *config.Zap, x string) { z.Actions[0].Properties[0].Value = text(x) },
		"mixed":    func(z *config.Zap, x string) { z.Actions[0].Properties[0].Value = at("a " + text(x).Text) },
		"time":     func(z *config.Zap, x string) { w := text(x); z.Actions[0].Time = &w },
		"event_name": func(z *config.Zap, x string) {
			name := text(x)
			z.Actions[0].Event, z.Actions[0].EventName = config.UploadEvent, &name
		},
		"items": func(z *config.Zap, x string) {
			name := at("Charged")
			z.Actions[0].Event, z.Actions[0].EventName = config.UploadEvent, &name
			z.Actions[0].Items = [][]config.Property{{{Name: "Q", Value: text(x)}}}
		},
	}
	for place, put := range places {
		z := profile(config.Property{Value: at("x")})
		put(z, endless)
		if got := outcome(t, z, s); !strings.Contains(got, tooMuch) {
			t.Errorf("%s: got %.200s", place, got)
		}
		c := config.TestCase{Row: map[string]row.Cell{"Name": row.TextCell("Asha")}, Error: "exceeds the limit for one row"}
		m, err := mapping.Compile(z)
		if err != nil {
			t.Errorf("%s: %v", place, err)
			continue
		}
		if d := m.Check(c).Differences; len(d) > 0 {
			t.Errorf("%s: its own test case: %+v", place, d)
		}
		z = profile(config.Property{Value: at("x")})
		put(z, strings.ReplaceAll(endless, "Name != nil", "true"))
		if place == "filter" { // not a constant: it is evaluated for each row
			continue
		}
		if _, err := mapping.Compile(z); err == nil || !strings.Contains(err.Error(), tooMuch) {
			t.Errorf("%s: a constant: got %v", place, err)
		}
	}
}

// TestBudgetIsOfTheRow checks that the expressions of a row share one budget, and that rows do not.
func TestBudgetIsOfTheRow(t *testing.T) {
	const half = `{{ let a = 1..400; all(a, {let b = #; all(a, {# + b != N or true})}) }}`
	z := profile(config.Property{Value: at(half)})
	s := cells("N", 5)
	m, err := mapping.Compile(z)
	if err != nil {
		t.Fatal(err)
	}
	b, err := m.Bind(s.header)
	if err != nil {
		t.Fatal(err)
	}
	for range 5 {
		if _, _, err := b.Record(0, s.row, mapping.Context{}); err != nil {
			t.Fatal(err)
		}
	}
	for i := range 5 {
		z.Actions[0].Properties = append(z.Actions[0].Properties, config.Property{Name: fmt.Sprint(i), Value: at(half)})
	}
	if got := outcome(t, z, s); !strings.Contains(got, tooMuch) {
		t.Errorf("six of them: got %s", got)
	}
}

// TestBudgetLeavesNothingRunning checks that an evaluation over its budget has ended.
func TestBudgetLeavesNothingRunning(t *testing.T) {
	s := greedy()
	before := runtime.NumGoroutine()
	for range 3 {
		outcome(t, profile(config.Property{Value: at("{{ " + endless + " }}")}), s)
	}
	if after := runtime.NumGoroutine(); after > before {
		t.Errorf("%d goroutines, %d before", after, before)
	}
}

// TestBudgetWarnings checks that an expression that may make rows fail is a warning, not a mistake.
func TestBudgetWarnings(t *testing.T) {
	const nested, long = "3 nested predicates", "a range of "
	tests := []struct{ expression, want string }{
		{`all(1..10, any(1..10, # == N))`, ""},
		{`all(1..10, any(1..10, none(1..10, # == N)))`, nested},
		{`all(1..10, any(1..10, none(1..10, one(1..10, # == N))))`, nested},
		{`all(1..10, # == N) or all(1..10, # == N) or all(1..10, # == N)`, ""},
		{`len(1..10000) > N`, ""},
		{`len(1..10001) > N`, long + "10001"},
		{`N in 1..1000000`, ""},
	}
	for _, tt := range tests {
		for _, filter := range []bool{true, false} {
			z := profile(config.Property{Value: at("{{ " + tt.expression + " }}")})
			if filter {
				f := at(tt.expression)
				z.Filter, z.Actions[0].Properties = &f, nil
			}
			m, err := mapping.Compile(varied(z))
			if err != nil {
				t.Errorf("%s: %v", tt.expression, err)
				continue
			}
			got := m.Warnings().Error()
			if (tt.want == "") != (got == "") || !strings.Contains(got, tt.want) || strings.Count(got, "\n") > 0 {
				t.Errorf("%s\n got %s\nwant %s", tt.expression, got, tt.want)
			}
		}
	}
}

// TestBudgetOfLongExpressions checks that a long expression without predicates pays for its nodes.
func TestBudgetOfLongExpressions(t *testing.T) {
	z := profile(config.Property{Value: at("x")})
	for i := range 60 {
		long := config.Property{Name: fmt.Sprint(i), Value: at("{{ D.Day()" + strings.Repeat("+D.Day()", 1200) + " }}")}
		z.Actions[0].Properties = append(z.Actions[0].Properties, long)
	}
	if got := outcome(t, z, cells("D", row.DateCell(43164.5))); !strings.Contains(got, tooMuch) {
		t.Errorf("got %.200s", got)
	}
}
