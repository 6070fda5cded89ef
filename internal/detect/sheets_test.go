package detect_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/rowtap/rowtap/internal/detect"
)

// spread parses a sheet of rows "a|b / c|d" with columns A, B, C and so on, or with the names of a
// header "X|Y: / " in front. "#7" is a number.
func spread(sheet string) wholeSheet {
	var names []string
	if header, rows, ok := strings.Cut(sheet, ": / "); ok {
		names, sheet = strings.Split(header, "|"), rows
	}
	var l lines
	for r := range strings.SplitSeq(sheet, " / ") {
		l = append(l, strings.Split(r, "|"))
	}
	return l.sheet(names...)
}

// told formats the result of a poll: rows with their state and the known row each may be, then the
// changes.
func told(r outcome) string {
	if r.Doubt != "" {
		return "doubt"
	}
	var out []string
	for _, f := range r.Found {
		s := fmt.Sprintf("row %d %s", f.Row, f.State)
		if f.Like != 0 {
			s += fmt.Sprintf(" like %d", f.Like)
		}
		out = append(out, s)
	}
	for _, c := range r.Changes {
		out = append(out, fmt.Sprintf("delivery %d %s, row %d", c.Delivery, c.Kind, c.Row))
	}
	return strings.Join(out, "; ")
}

// TestSheets has, for each part of a rule, a sheet as small as possible that fails without it.
func TestSheets(t *testing.T) {
	plain, require, copied := detect.Options{}, detect.Options{Require: []string{"A"}}, waitForCopies(detect.Options{})
	keyed := detect.Options{Key: []string{"A"}}
	for _, tt := range []struct {
		name  string
		o     detect.Options
		first string   // what the rows of the first poll are: old or fired, with or without folds
		sheet []string // one per poll
		want  string   // result of the last one
	}{
		{"replaced: one of seven identifying values goes with its row, and its place is taken", plain, "old", []string{"n3|s10 / n5|s7 / n7|s2 / n8|s0 / n9|s8 / n11|s5 / n12|s0", "x|s10 / x|s7 / x|s2 / x|s0 / x|s8 / x|s0 / x|s0"}, "row 5 held like 5; row 7 held like 5; row 8 held like 8"},
		{"rank: of two rows the one at its place is the known one", plain, "old", []string{"006|o2 / 009|o3 / 0011|o3", "x|x / x|x / x|o3 / x|x"}, "row 2 ready; row 3 ready; row 4 held like 4; row 5 ready"},
		{"exact: of two equal rows that wait one is typed over", require, "old", []string{"b2|p2 / |p4", "A|Z: / x|p2 / |p4 / |p4", "A|Z: / x|x / x|x / |x"}, "row 3 ready; delivery 1 edited, row 2; delivery 2 deleted, row 3"},
		{"contested: a row that may be one known row is no other's rival", plain, "fired", []string{"p4|q4", "A|B: / p1|q1 / x|x", "A|B: / x|q6 / p3|x / e8|q1 / p1|f8"}, "row 2 held like 3; row 3 held like 3; row 4 held like 2; row 5 held like 2; delivery 2 deleted, row 2; delivery 3 deleted, row 3"},
		{"replaced: rows come among those that keep most of what they tell", require, "old", []string{"p8|t1|008|s8|n4", "A|C|D|F|H: / x|t3|003|s8|n1 / x|t3|007|s7|n3 / x|x|x|x|x / x|t1|008|s8|n4 / p9|t3|009|s5|n4", "A|C|D|F|H: / m1|t3|007|s7|n3 / x|x|x|x|n1 / m0|t3|003|s8|n1 / x|x|0011|x|x / m0|x|005|x|x / m1|x|006|x|x / m2|t3|007|s7|n3 / m1|t1|008|s8|n4 / m2|t3|009|s5|n4"}, "row 2 held like 3; row 5 ready; row 6 ready; row 7 ready; row 8 held like 3; delivery 3 edited, row 3; delivery 1 edited, row 4; delivery 4 edited, row 9; delivery 5 edited, row 10; delivery 2 deleted, row 3"},
		{"replaced: masked by a value that carries more, a row comes among them", plain, "old", []string{"p8|s11|p8", "p3|x|p3 / p4|x|p4 / p3|x|p3 / p8|x|p8 / p9|x|p9", "x|x|x / p3|v13|p3 / p3|v15|p3 / p4|v16|p4 / p8|v20|p8 / p9|v21|p9"}, "row 3 held like 4; row 4 held like 2; delivery 1 edited, row 2; delivery 2 edited, row 5; delivery 4 edited, row 6; delivery 5 edited, row 7; delivery 3 deleted, row 4"},
		{"nearestMatched: the last known row", plain, "old", []string{"p17|o5|", "x|x|x", "x|x|e78 / x|x|b5 / x|x|b6 / x|x|x / x|x|x / P4|x|b4 / x|x|b14 / x|x|b18 / P24|x| / x|x|b28 / x|O10|x / P36|x|b36"}, "row 2 ready; row 3 ready; row 4 ready; row 6 ready; row 7 ready; row 8 ready; row 9 ready; row 10 ready; row 11 ready; row 12 held like 2; row 13 ready; delivery 1 moved, row 5"},
		{"copies: a copy that comes back next to its original", copied, "old", []string{"x", "x / x / x / x", "x / x / x", "x / x / x / x"}, "delivery 1 became ready, row 3; delivery 2 became ready, row 4; delivery 3 back, row 5"},
		{"gone: rows of a blank key come back", keyed, "fired", []string{"t3|p1 / t3|p6", "x|x", "x|e11", "t3|x / t3|x"}, "delivery 1 back, row 2; delivery 2 back, row 3; delivery 3 deleted, row 2"},
		{"exact: of equal rows the one below its neighbour is the known one", plain, "old", []string{"#5.5", "#5.5 / #4.5 / #3.5 / #5.5", "#3.5 / #5.5 / #4.5 / #5.5 / x"}, "row 6 ready; delivery 2 moved, row 2; delivery 3 moved, row 3; delivery 1 moved, row 4"},
		{"order: the last row is moved up and edited", require, "old", []string{"#0.1007|#1.5|#1.5 / #0.1014|#2.5|#2.5", "#0.1014|x|#2.5 / #0.1007|#1.5|#1.5 / #0.1014|#2.5|x"}, "row 2 ready"},
		{"strip: of equal rows that wait the first stays", detect.Options{Require: []string{"A"}, SettleCopies: time.Minute}, "old", []string{"|x / |x", "|x / x|x / |x"}, "row 3 ready"},
		{"copies: a half-typed row and its copy are completed alike", detect.Options{Require: []string{"A"}, SettleCopies: time.Minute}, "old", []string{"|q1", "|q1 / |q1", "B3|q3 / b3|q3"}, "row 3 ready; delivery 1 edited, row 2"},
		{"contested: the row is more alike than the one taken for it", require, "old", []string{"#0.1007|#0.1007|s3", "x|#0.1007|s3 / #0.1007|x|x / #0.1008|#0.1021|s10 / #0.1009|#0.1028|s2 / #0.1010|#0.1035|s6"}, "row 3 ready; row 4 ready; row 5 ready; row 6 ready"},
		{"notHalfTyped: copies at once", detect.Options{Require: []string{"A", "B"}}, "old", []string{"d1| / d1|", "d1| / x|x / d1| / x|x"}, "row 3 ready; row 5 ready"},
		{"replaced: rows of equal rest, one of which is gone", require, "old", []string{"x| / x| / x|b7 / x|b8 / x|b9 / x|b10", "***| / ***|b7 / ***|b8 / ***|b9 / ***|b10"}, "row 2 held like 2"},
		{"copies: both are typed over, and one may be another known row", copied, "old", []string{"b4|x", "b4|x / x|x / b4|x", "x|x / x|x / b4|v21"}, "row 4 held like 2; delivery 1 moved, row 2; delivery 2 edited, row 3"},
		{"exact: equal rows are moved apart by one that is typed over", plain, "old", []string{"p4|#0.1028", "p7|x / x|x / p7|x", "p7|*** / p7|*** / x|***"}, "delivery 1 edited, row 2; delivery 3 edited, row 3; delivery 2 edited, row 4"},
		{"holdWithoutFolds: two rows of which one is left, without folds", plain, "unfolded, fired", []string{"x|d1 / x|d1", "x|x"}, "row 2 held like 2; delivery 1 deleted, row 2; delivery 2 deleted, row 3"},
		{"copies: a tidied copy, the original is deleted", copied, "old", []string{"q2", "q2 / Q2", "Q2"}, "delivery 1 deleted, row 3"},
		{"neighbours: a row at the top, between others that were moved", detect.Options{Require: []string{"A", "C"}}, "old", []string{"002|o0|b2", "x|o0|m0 / 002|o0|m1 / 003|o1|", "002|o0|b2 / e7|o0|m0 / 003|o1| / 002|o0|m1"}, "row 3 held like 2; delivery 2 moved, row 5; delivery 1 deleted, row 2"},
		{"gone: a row that came back is not there to come back again", plain, "fired", []string{"p11", "x", "p11", "p11 / p11"}, "row 3 ready"},
		{"contested: a row of another key is no rival", keyed, "fired", []string{"t0|007|p7", "x|007|p7 / t0|x|x"}, "row 2 ready; delivery 1 edited, row 3"},
		{"silent: a row without a new required cell waits", detect.Options{Require: []string{"A", "D"}}, "old", []string{"b2|x", "A|C: / x|x"}, "row 2 waiting"},
		{"nearestMatched: the first known row", plain, "old", []string{"p14|q14", "***|x / ***|q14 / ***|q3 / ***|q4 / ***|q5 / ***|q6 / ***|q7 / ***|q8 / p14|q14"}, "row 2 ready; row 3 held like 2; row 4 ready; row 5 ready; row 6 ready; row 7 ready; row 8 ready; row 9 ready"},
		{"weights: the identifying column comes before others", detect.Options{Require: []string{"A", "D"}}, "old", []string{"p4|b4|o1|x", "x||x|x", "x|x|x|x / p3|e7|x|x / p4|b4|x|x / x|g|x|x / p6|b6|x|x"}, "row 2 held like 2; row 3 ready; row 4 ready; row 5 ready; row 6 ready; delivery 1 deleted, row 2"},
		{"replaced: a row that is gone, far from the new one", plain, "old", []string{"p3|o1 / p6|o2 / p7|o2 / p8|o2 / p9|o3 / p10|o3 / p11|o3 / p12|o4 / p13|o4 / p14|o4 / p15|o5 / p16|o5 / p17|o5 / p19|o6", "p3|o1 / p6|o2 / m0|o2 / x|o4 / m0|o2 / m1|o3 / m2|o3 / m0|o3 / m1|o4 / m2|o4 / m0|o5 / m1|o5 / m2|o5"}, "row 5 ready"},
		{"replaced: rows that were sorted and recalculated, with others among them", plain, "old", []string{"#0.1014|q2|#2.5 / #0.1021|q3|#3.5 / #0.1028|q4|#4.5 / #0.1035|q5|#5.5 / #0.1063|q9|#9.5 / #0.1077|q11|#11.5", "#0.1063|q9|#9.5", "x|x|x / #0.1077|x|v14 / #0.1014|x|v16 / #0.1021|x|v17 / #0.1028|x|v18 / #0.1035|x|v19 / #0.1049|x|#7.5 / #0.1063|q9|#9.5"}, "row 2 ready; row 3 held like 7; row 4 held like 2; row 5 held like 3; row 6 held like 4; row 7 held like 5; row 8 ready"},
		{"replacement: blank cells that are filled do not tell", detect.Options{Require: []string{"A", "B"}}, "old", []string{"p2| / p4|b4 / p5|b5 / p6|", "x|x / p5|v9 / p2|v10 / p7|v11 / p3|v12 / p4|v13 / #0.1016|#0.1016 / p6|v15"}, "row 2 ready; row 4 ready; row 5 ready; row 6 ready; row 8 ready; row 9 ready"},
		{"nearestMatched: the known row above the one below", plain, "old", []string{"p17|o5|", "x|x|x / P4|O1|b4 / P8|O2|x", "P4|O1|e78 / P5|x|b5 / P8|O2|x / x|x|x / P4|x|b4 / P34|O11|x / P36|x|b36"}, "row 2 held like 3; row 3 ready; row 6 held like 3; row 7 ready; row 8 ready; delivery 1 moved, row 5; delivery 2 deleted, row 3"},
		{"exact: of equal rows the one above its neighbour is the known one", plain, "old", []string{"b1 / b2", "x / b1 / b1 / b2 / x"}, "row 2 ready; row 3 ready; row 6 ready"},
		{"severalNow: a new identity that occurs twice", require, "old", []string{"p1|p1", "p1|x / p2|x / p2|x"}, "row 2 held like 2; row 3 ready; row 4 ready"},
		{"same: the neighbour below is enough", copied, "old", []string{"p3", "p3 / x / p3", "x / p3 / x"}, "delivery 1 moved, row 2; delivery 2 edited, row 4"},
		{"identified: identities that repeated", require, "old", []string{"d0|#4.5", "x|x / d1|x / x|x", "d1|e7"}, "row 2 held like 3; delivery 1 deleted, row 2; delivery 2 deleted, row 3; delivery 3 deleted, row 4"},
		{"contested: a recalculated column does not count", plain, "old", []string{"p9|d0 / p12|d1 / p15|d1 / p18|d1 / p20|d1 / p21|d0 / p22|d1 / p23|d1", "p15|x / p9|v32 / p12|v35 / p18|v41 / x|d1 / p20|v43 / p21|v44 / p22|v45 / p23|v46"}, "row 6 ready"},
		{"contests: a row equal to the one taken for the known row", plain, "old", []string{"t3|s2|d1", "t3|s2|x / t3|s6|x / t3|s4|x / x|s5|x / t0|s0|x / v11|s7|x / v12|s9|x / v13|s3|x / t1|s0|x / t3|s2|x", "t3|s2|*** / t3|s6|*** / t3|s4|*** / x|x|x / t0|s0|*** / x|x|*** / v11|s7|*** / v12|s9|*** / v13|s3|*** / t1|s0|*** / t3|s2|***"}, "row 5 held like 5; row 7 ready; delivery 1 edited, row 3; delivery 2 edited, row 4; delivery 4 edited, row 6; delivery 5 edited, row 8; delivery 6 edited, row 9; delivery 7 edited, row 10; delivery 8 edited, row 11; delivery 9 edited, row 12; delivery 3 deleted, row 5"},
		{"strip: the copy of the last row is the one above it", plain, "fired", []string{"p3 / p4", "x / p3 / p4 / p4"}, "row 2 ready; row 4 ready; delivery 1 moved, row 3; delivery 2 moved, row 5"},
		{"copies: a row that was there twice is no copy that waits", copied, "old", []string{"o1 / o1 / o2", "o1 / o2 / O1", "O1"}, "delivery 1 moved, row 2"},
		{"notHalfTyped: a complete row has a copy", detect.Options{Require: []string{"A", "B"}, SettleCopies: time.Minute}, "old", []string{"o1|d1 / o2|d1", "o2|d1 / x|x / o2|d1"}, "row 2 held like 2; row 3 ready"},
		{"order: the row above was deleted", plain, "old", []string{"o1|p5 / o3|p9 / o3|p11", "o3|p9 / x|p5 / x|x / x|p1"}, "row 3 held like 2; row 4 ready; row 5 ready"},
		{"mayBeVolatile: a row that may be the first known row stays that", plain, "old", []string{"t0|#2.5 / t3|#5.5 / t0|#8.5", "t0|x / x|x / t0|x / t0|m2"}, "row 2 held like 2; row 3 ready; row 4 held like 4; row 5 held like 2"},
		{"nearestMatched: the first row with others above", plain, "old", []string{"001|001 / 003|003 / 005|005", "005|x / x|005 / 003|003 / 001|001"}, "row 2 held like 4; row 3 held like 4"},
		{"exact: nothing is known of the rows above", plain, "fired", []string{"p2|d0 / p7|d1", "#0.1011|d0 / #0.1015|d1 / #0.1017|d1"}, "row 4 ready; delivery 1 edited, row 2; delivery 2 edited, row 3"},
		{"copies: a copy that is moved and typed over", copied, "fired", []string{"p4", "p4 / e8 / p4", "e8 / p4 / x"}, "row 4 ready; delivery 2 moved, row 2; delivery 1 moved, row 3; delivery 3 deleted, row 4"},
		{"nearestMatched: only the nearest row above", plain, "old", []string{"#0.1049|#7.5|q7 / #0.1056|#8.5|q8", "A|B|Z: / x|x|x / #0.1049|f10|q7 / x|#8.5|q8 / #0.1049|#7.5|e10"}, "row 2 ready; row 5 ready"},
		{"scattered: around the known row the order has changed", plain, "old", []string{"s0|#1.5 / s10|#3.5 / s10|#4.5 / s11|#6.5", "A|D: / x|#6.5 / s0|#1.5 / s10|#4.5 / s10|#3.5"}, ""},
		{"scattered: around the row read the order has changed", plain, "old", []string{"#0.1007|s7 / #0.1042|s0 / #0.1049|s8 / #0.1056|s2", "#0.1042|s0 / #0.1056|s2 / #0.1007|s7 / x|s8"}, ""},
		{"identified: a tidied identity", require, "old", []string{"p4|s7|t2|q4", "p5|x|x|x", "x|x|x|x / p4|s7|t2|q4 / P5|e7|e7|e7"}, "row 2 held like 2; row 4 held like 2; delivery 1 deleted, row 2"},
		{"contested: a row that has not fired and may be either", plain, "old", []string{"p1|n0|d0|b1", "p4|n2|d0|b4", "x|n2|d0|b4 / P4|n2|d0|e6 / p2|x|x|x"}, "row 3 ready; row 4 ready; delivery 1 edited, row 2"},
		{"copies: in the gap, not where another row may be", copied, "fired", []string{"s3|x", "s3|e4", "S3|e4 / x|x / s3|e4", "s9|x"}, "row 2 held like 3; delivery 3 deleted, row 2; delivery 4 deleted, row 3; delivery 2 deleted, row 4"},
		{"replaced: the first row is one of those that agree", plain, "old", []string{"p1|s5 / p4|s2 / p5|s7 / p7|s6 / p11|s10", "x|s5 / x|s5 / x|s2 / x|s7 / x|s6"}, "row 2 held like 2; row 3 held like 2"},
		{"volatile: a key column is none", keyed, "fired", []string{"p2|s4 / p5|s3 / p7|s11", "|s11 / x|s3 / x|x / x|x"}, "row 2 held like 4; row 3 ready; row 4 held like 3; row 5 held like 3; delivery 1 deleted, row 2; delivery 2 deleted, row 3; delivery 3 deleted, row 4"},
		{"weights: a required column that repeats", require, "old", []string{"o6||n9", "x|x|x / x|x|x / x|x|x / x|x|x", "x|x|x / x|x|x / m1|m1|x / x|x|x"}, "row 4 ready; delivery 3 deleted, row 4"},
		{"replacement: values that repeat apart from each other", detect.Options{Require: []string{"A", "B"}}, "fired", []string{"n13|t2 / n15|t3 / n17|t2 / n18|t0", "n13|x / n15|x / n17|x / n18|v74"}, "delivery 1 edited, row 2; delivery 2 edited, row 3; delivery 3 edited, row 4; delivery 4 edited, row 5"},
		{"volatile: rows are gone too", plain, "old", []string{"n1|t1|s3 / n2|t2|s9 / n3|t3|s3 / n3|t3|s2 / n4|t1|s1", "n2|t2|x / n3|t3|x / n4|t1|x"}, ""},
		{"contested: less than half is no rival", plain, "old", []string{"s3|o3|d1|d1|#10.5|n5|0010", "x|x|x|x|x|x|x / x|x|x|x|x|x|0010 / s11|o3|d1|d0|#9.5|n4|009", "s11|o3|d1|d0|#9.5|n4|009 / x|x|x|x|x|x|x / x|x|x|x|x|x|x / x|x|x|x|x|n3|x / x|x|d0|x|x|x|006 / s1|x|x|d1|#11.5|n5|0011 / s3|o3|d1|d1|#10.5|n5|0010 / e13|o3|d1|d0|e13|e13|009"}, "row 5 ready; row 6 ready; row 7 ready; row 9 ready; delivery 3 moved, row 2; delivery 1 moved, row 3; delivery 2 edited, row 4"},
		{"replacement: cells that are cleared do not tell", plain, "old", []string{"q4|o1|o1 / q9|o3|o3 / q11|o3|o3 / q23|o7|o7 / q25|o8|o8 / q29|o9|o9", "|o1|o1 / x|o3|o3 / x|o3|o3 / m1|o7|o7"}, ""},
		{"contested: a row that may be one known row is not compared with those next to it", plain, "old", []string{"p11|d1|o3 / p16|d0|o5 / p17|d1|o5 / p26|d1|o8 / p30|d1|o10", "x|x|x / p17|x|o5 / p17|m1|o5 / p26|x|o8 / p30|x|o10 / p34|x|o11"}, "row 2 ready; row 3 held like 3; row 7 ready"},
		{"replaced: within reach of its place above", plain, "old", []string{"q7|o2", "A|Z: / x|x", "A|Z: / q2|x / q3|x / q5|x / q7|x / q8|x", "A|Z: / q2|*** / q3|*** / q4|x / q5|*** / x|*** / q7|*** / q8|*** / x|x / q10|x"}, "row 4 ready; row 5 held like 4; row 6 ready; row 10 ready; delivery 2 edited, row 2; delivery 3 edited, row 3; delivery 5 edited, row 7; delivery 6 edited, row 8; delivery 1 back, row 9; delivery 4 deleted, row 4"},
		{"replaced: rows of other keys", keyed, "old", []string{"b7|#7.5", "|#5.5 / |#6.5 / |x / b7|x / b7|#7.5 / |#10.5", "x|#3.5 / x|#5.5 / x|#6.5 / x|x / x|#9.5 / x|g / x|x / x|#7.5 / x|#10.5"}, "row 2 held like 10; row 6 held like 10; row 7 held like 10; row 8 held like 10; row 9 held like 10; delivery 1 became ready, row 3; delivery 2 became ready, row 4; delivery 3 became ready, row 5; delivery 5 became ready, row 10; delivery 4 deleted, row 5"},
		{"contested: half of a row with little information is no rival", plain, "old", []string{"p24|o8", "x|x / x|o6 / x|o7 / x|o8 / x|o9 / x|x / x|o12", "x|x / x|o5 / v47|o6 / v52|o7 / v54|o8 / v56|x / x|o13 / v58|o9 / p32|x / p36|o12"}, "row 3 held like 7; row 7 held like 7; row 8 ready; row 10 held like 7; delivery 2 edited, row 4; delivery 3 edited, row 5; delivery 4 edited, row 6; delivery 5 edited, row 9; delivery 7 edited, row 11; delivery 6 deleted, row 7"},
		{"identified: two identities that trade places", require, "old", []string{"q10|n5", "q1|v13 / q2|x / x|x / q6|x / q7|x / q24|x / q9|x / e12|x / q11|x", "q2|v14 / q1|v13 / x|x / q6|x / q7|x / q30|x / q9|x / e12|x / q11|x"}, "row 2 held like 3; row 7 ready; delivery 1 moved, row 3; delivery 2 deleted, row 3; delivery 6 deleted, row 7"},
		{"differ: the rows that are moved alone are not edited", plain, "fired", []string{"b3|#0.1021 / b6|#0.1042 / b9|#0.1063 / b12|#0.1084 / |#0.1105 / b18|#0.1126 / |#0.1147 / b24|#0.1168 / b26|#0.1182 / |#0.1196", "b9|#0.1063 / x|#0.1105 / x|#0.1126 / x|#0.1147 / x|#0.1168 / x|#0.1196"}, "delivery 3 moved, row 2; delivery 5 edited, row 3; delivery 6 edited, row 4; delivery 7 edited, row 5; delivery 8 edited, row 6; delivery 10 edited, row 7; delivery 1 deleted, row 2; delivery 2 deleted, row 3; delivery 4 deleted, row 5; delivery 9 deleted, row 10"},
		{"equal: without folds", require, "unfolded, fired", []string{"p5|s6 / p21|s10 / p22|s5 / p23|s9", "A|Z: / p5|x / x|x / x|x / p20|x / p21|s10 / p22|s5 / p23|s9 / p5|s6"}, "row 2 held like 2; row 3 ready; row 4 ready; row 5 ready; delivery 2 moved, row 6; delivery 3 moved, row 7; delivery 4 moved, row 8; delivery 1 moved, row 9"},
		{"volatile: the part of the rows that are left", plain, "old", []string{"q3|o1 / q11|o3 / q14|o4 / q15|o5 / q16|o5 / q19|o6 / q21|o7 / q24|o8 / q26|o8 / q28|o9", "q3|x / x|o8 / x|o3 / x|o4 / x|o5 / x|o5 / x|o6 / x|o7 / x|o9"}, "row 3 ready"},
		{"replacement: a column that is blank in the rows known", plain, "old", []string{"|t2|t0 / |t3|t0 / |t2|t0 / |t3|t0 / |t0|t3 / |t2|t2 / |t1|t0 / |t1|t0", "x|t2|t0 / x|t3|t0 / x|t3|t0 / x|t0|t3 / x|t2|t2 / x|x|x / x|t1|t0 / x|x|x / x|t0|t3"}, "row 7 ready; row 9 ready; row 10 ready"},
		{"identity: a required column is ignored", detect.Options{Require: []string{"A", "F"}, Ignore: []string{"F"}}, "old", []string{"aA|bA|cA|dA|eA|x / aB|bB|cB|dB|eB|x / aC|bC|cC|dC|eC|x / aD|bD|cD|dD|eD|x / aE|bE|cE|dE|eE|x / aF|bF|cF|dF|eF|x / aG|bG|cG|dG|eG|x / aH|bH|cH|dH|eH|x / aI|bI|cI|dI|eI|x / aJ|bJ|cJ|dJ|eJ|x / aK|bK|cK|dK|eK|x / aL|bL|cL|dL|eL|x", "aA|bA|cA|dA|eA|x / aB|bB|cB|dB|eB|x / aC|bC|cC|dC|eC|x / aD|bD|cD|dD|eD|x / aE|bE|cE|dE|eE|x / aF|q|r|s|t|x / aG|bG|cG|dG|eG|x / aH|bH|cH|dH|eH|x / aI|bI|cI|dI|eI|x / aJ|bJ|cJ|dJ|eJ|x / aK|bK|cK|dK|eK|x / aL|bL|cL|dL|eL|x"}, "row 7 ready"},
		{"matchRelabelled: two names are exchanged, and a blank column comes", plain, "old", []string{"a1|b1 / a2|b2 / a3|b3 / a4|b4", "B|A|Z: / a1|b1| / a2|b2| / a3|b3| / a4|b4|"}, ""},
		{"exact: rows are equal but for a key that is ignored", detect.Options{Key: []string{"A"}, Ignore: []string{"A"}}, "old", []string{"k1|x / k2|x / k3|y / k4|z", "k2|x / k3|y / k4|z / k5|x"}, "row 5 ready"},
		{"leaveOut: a half-typed row and a copy above it, next to a clock", detect.Options{Require: []string{"B"}, SettleCopies: time.Minute}, "old", []string{
			"9:00|p0|h0|gold / 9:00|p1|h1|pro / 9:00|p2|h2|gold / 9:00|p3|h3|gold / 9:00|p4|h4|gold / 9:00|p5|h5|gold",
			"9:01|p0|h0|gold / 9:01|p1|h1|pro / 9:01|p2|h2|gold / 9:01|p3|h3|gold / 9:01|p4|h4|gold / 9:01|p5|h5|gold / 9:01|||pro",
			"9:02|p0|h0|gold / 9:02|p1|h1|pro / 9:02|p2|h2|gold / 9:02|p3|h3|gold / 9:02|p4|h4|gold / 9:02|p5|h5|gold / 9:02|p1|h1|pro / 9:02||h9|pro",
		}, "row 8 waiting; delivery 1 edited, row 9"},
		{"copies: a held copy is typed over as a whole, and one that waits", detect.Options{SettleCopies: time.Minute, MaxNewRows: 2}, "old", []string{
			"a|b|c / d|e|f / g|h|i / j|k|l", "a|b|c / d|e|f / g|h|i / j|k|l / a|b|c / m|n|o / p|q|r / y|y|y",
			"a|b|c / d|e|f / g|h|i / j|k|l / a|b|c / m|n|o / p|q|r / y|y|y / d|e|f", "a|b|c / d|e|f / g|h|i / j|k|l / s|t|u / m|n|o / p|q|r / y|y|y / v|w|x",
		}, "row 6 ready; delivery 5 edited, row 10; delivery 1 deleted, row 6"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			gap := time.Minute
			if tt.o.SettleCopies > 0 {
				gap = 30 * time.Second
			}
			to := 1 << 30
			if strings.HasSuffix(tt.first, "fired") {
				to = 0
			}
			r := begin(spread(tt.sheet[0]), tt.o, to, 1, start)
			if strings.HasPrefix(tt.first, "unfolded") {
				r.Cursor.Folds = nil
			}
			for i, s := range tt.sheet[1:] {
				r = r.then(spread(s), tt.o, start.Add(time.Duration(i+1)*gap))
			}
			if got := told(r); got != tt.want {
				t.Errorf("%q: got %q, want %q", tt.sheet, got, tt.want)
			}
		})
	}
}

// TestVanished: what comes back within a day is the row that vanished, under the current names of
// its columns, and no more rows come back than vanished.
func TestVanished(t *testing.T) {
	copied := waitForCopies(detect.Options{})
	for _, tt := range []struct {
		name    string
		o, then detect.Options // then: options of the last poll
		sheet   []string
		cursor  func(c *detect.Cursor) // modifies the cursor before the last poll
		want    string
		kept    int // vanished rows remembered in the end
		after   time.Duration
	}{
		{name: "as it was", sheet: []string{"a|b / c|d / e|f", "a|b / e|f", "a|b / c|d / e|f"}, want: ""},
		{name: "under another name of its column", sheet: []string{"a|b / c|d / e|f / g|h / i|j / k|l", "a|b / e|f / g|h / i|j / k|l", "A|Z: / a|b / c|d / e|f / g|h / i|j / k|l"}, want: ""},
		{name: "tidied, under another name of its column", sheet: []string{"a|b / c|d / e|f / g|h / i|j / k|l", "a|b / e|f / g|h / i|j / k|l", "A|Z: / a|b / C|d / e|f / g|h / i|j / k|l"}, want: "row 3 held", kept: 1},
		{name: "with a column more", sheet: []string{"a|b / c|d / e|f", "a|b / e|f", "A|B|C: / a|b| / c|d| / e|f|"}, want: ""},
		{name: "as the key is chosen", then: detect.Options{Key: []string{"A"}}, sheet: []string{"a|b / c|d / e|f", "a|b / e|f", "a|b / c|d / e|f"}, want: ""},
		{name: "of an equal hash and another fold", sheet: []string{"a|b / c|d / e|f", "a|b / e|f", "a|b / c|d / e|f"}, cursor: func(c *detect.Cursor) { c.Gone[0].Fold ^= 8 }, want: "row 3 ready", kept: 1},
		{name: "of a fold that an earlier release did not keep", sheet: []string{"a|b / c|d / e|f", "a|b / e|f", "a|b / c|d / e|f"}, cursor: func(c *detect.Cursor) { c.Gone[0].Fold = 0 }, want: ""},
		{name: "of its key and another fold", o: detect.Options{Key: []string{"A"}}, then: detect.Options{Key: []string{"A"}}, sheet: []string{"a|b / c|d / e|f", "a|b / e|f", "a|b / c|q / e|f"}, cursor: func(c *detect.Cursor) { c.Gone[0].Fold ^= 8 }, want: ""},
		{name: "and the same, tidied", sheet: []string{"a|b / c|d / e|f", "a|b / e|f", "a|b / c|d / e|f / C|d"}, want: "row 5 ready"},
		{name: "tidied", sheet: []string{"a|b / c|d / e|f", "a|b / e|f", "a|b / e|f / C|d"}, want: "row 4 held", kept: 1},
		{name: "more than a day ago", after: 25 * time.Hour, sheet: []string{"a|b / c|d / e|f", "a|b / e|f", "a|b / e|f / x|y"}, want: "row 4 ready"},
		{name: "less than a day ago", after: 24*time.Hour - 2*time.Minute, sheet: []string{"a|b / c|d / e|f", "a|b / e|f", "a|b / e|f / x|y"}, want: "row 4 ready", kept: 1},
		{name: "a row of an earlier release that may have fired", sheet: []string{"a|b / c|d / e|f", "a|b / c|d / e|f / g|h", "a|b / e|f / g|h"}, cursor: func(c *detect.Cursor) { c.Rows[1].Delivery = detect.Unknown }, want: "delivery 1 moved, row 4", kept: 1},
		{name: "a copy before its original", o: copied, then: copied, sheet: []string{"a|b / c|d / e|f / g|h / i|j", "a|b / c|d / c|d / e|f / g|h / i|j", "a|b / e|f / g|h / i|j", "a|b / c|d / e|f / g|h / i|j"}, want: "", kept: 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := begin(spread(tt.sheet[0]), tt.o, 1<<30, 1, start)
			last := len(tt.sheet) - 1
			for i, s := range tt.sheet[1:last] {
				r = r.then(spread(s), tt.o, start.Add(time.Duration(i)*time.Second))
			}
			if tt.cursor != nil {
				tt.cursor(&r.Cursor)
			}
			r = r.then(spread(tt.sheet[last]), tt.then, start.Add(time.Minute+tt.after))
			if got := told(r); got != tt.want {
				t.Errorf("%q: got %q, want %q", tt.sheet, got, tt.want)
			}
			if len(r.Cursor.Gone) != tt.kept {
				t.Errorf("%d vanished rows are remembered, want %d", len(r.Cursor.Gone), tt.kept)
			}
		})
	}
}
