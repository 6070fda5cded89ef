package detect_test

import (
	"testing"

	"github.com/rowtap/rowtap/internal/detect"
)

func TestDiff(t *testing.T) {
	o := detect.Options{Require: []string{"Email"}}
	tests := []struct {
		name  string
		polls []string // the sheet at each read
		want  string   // result of the last read
	}{
		{"nothing", []string{"abc", "abc"}, ""},
		{"append", []string{"abc", "abcd"}, "d"},
		{"append three", []string{"abc", "abcdef"}, "d, e, f"},
		{"first row of an empty sheet", []string{"", "a"}, "a"},
		{"first rows of an empty sheet", []string{"", "ab"}, "a, b"},
		{"insert above", []string{"abc", "xabc"}, "x"},
		{"insert between", []string{"abc", "axbc"}, "x"},
		{"insert at several places", []string{"abc", "xaybzc"}, "x, y, z"},
		{"delete", []string{"abcd", "acd"}, ""},
		{"delete the first", []string{"abcd", "bcd"}, ""},
		{"delete the last", []string{"abcd", "abc"}, ""},
		{"delete, later append", []string{"abcd", "abc", "abce"}, "e"},
		{"delete and append between polls", []string{"abcd", "acde"}, "e"},
		{"delete the last and append", []string{"abcde", "abcdx"}, "x"},
		{"replace in the middle", []string{"abcde", "abxde"}, "x"},
		{"replace two", []string{"abcdefgh", "axydefgh"}, "x, y"},
		{"move down", []string{"abcde", "acdbe"}, ""},
		{"move to the top", []string{"abcde", "eabcd"}, ""},
		{"swap", []string{"abcde", "abdce"}, ""},
		{"reverse", []string{"abcde", "edcba"}, ""},
		{"sort and append", []string{"cabed", "abcdef"}, "f"},
		{"sort and insert", []string{"cabed", "abxcde"}, "x"},
		{"edit one cell", []string{"abc", "ab1c"}, ""},
		{"edit three cells", []string{"abcdefgh", "ab3cdefgh"}, ""},
		{"edit the first", []string{"abcdefgh", "a1bcdefgh"}, ""},
		{"edit the last", []string{"abcdefgh", "abcdefgh1"}, ""},
		{"edit and insert below", []string{"abcdefgh", "ab1xcdefgh"}, "x"},
		{"edit and insert above", []string{"abcdefgh", "axb1cdefgh"}, "x"},
		{"edit the last and append", []string{"abcd", "abcd1e"}, "e"},
		{"edit all", []string{"abcd", "a1b1c1d1"}, ""},
		{"edit all and append", []string{"abcd", "a1b1c1d1e1"}, "e"},
		{"edit all and insert", []string{"abcd", "a1x1b1c1d1"}, "x"},
		{"edit all and delete", []string{"abcd", "a1c1d1"}, ""},
		{"edit all and sort", []string{"abcd", "d1c1b1a1"}, ""},
		{"delete one, edit its neighbour", []string{"abcdefgh", "ac1defgh"}, ""},
		{"moved and edited is held", []string{"abcdefgh", "acdefgb1h"}, "b:held"},
		{"an edit that leaves little but the email", []string{"abcdefgh", "ab6cdefgh"}, ""},
		{"an edit undone", []string{"abcd", "ab1cd", "abcd"}, ""},
		{"blank row, then a new one", []string{"abc", "abc.d"}, "d"},
		{"blank rows come between", []string{"abc", "a..bc"}, ""},
		{"a copy is new", []string{"abc", "abcb"}, "b"},
		{"a copy below is new", []string{"abc", "abbc"}, "b"},
		{"two equal rows", []string{"abc", "abcdd"}, "d, d"},
		{"one of two equal rows goes", []string{"abbc", "abc"}, ""},
		{"one of two equal rows goes, another comes", []string{"abbc", "abcd"}, "d"},
		{"equal rows and a move", []string{"abbcb", "bbbac"}, ""},
		{"equal rows, one more", []string{"abbcb", "babbcb"}, "b"},
		{"gone and back", []string{"abcd", "abd", "abcd"}, ""},
		{"gone and back elsewhere", []string{"abcd", "abd", "abdc"}, ""},
		{"gone and back, and its copy", []string{"abcd", "abd", "abcdc"}, "c"},
		{"half gone", []string{"abcd", "ab"}, "doubt"},
		{"half gone, and still", []string{"abcd", "ab", "ab"}, ""},
		{"half gone, and new rows each time", []string{"abcd", "abx", "abxy"}, "x, y"},
		{"half gone, and back", []string{"abcd", "ab", "abcd"}, ""},
		{"half gone, back with a new one", []string{"abcd", "ab", "abcde"}, "e"},
		{"a sheet refilled step by step", []string{"abcdef", "a", "abc"}, "doubt"},
		{"all replaced", []string{"abcd", "wxyz"}, "doubt"},
		{"all replaced, and still", []string{"abcd", "wxyz", "wxyz"}, "w, x, y, z"},
		{"emptied", []string{"abcd", ""}, "doubt"},
		{"emptied for long", []string{"abcd", "", "", ""}, "doubt"},
		{"emptied and refilled", []string{"abcd", "", "", "abcd"}, ""},
		{"emptied, refilled and more", []string{"abcd", "", "abcde"}, "e"},
		{"emptied, then another row typed", []string{"abcd", "", "x", "x"}, "x"},
		{"emptied once, back with an edit", []string{"abcd", "", "ab1cd"}, ""},
		{"emptied for long, back with an edit", []string{"abcd", "", "", "ab1cd"}, ""},
		{"emptied for long, back with edits", []string{"abcd", "", "", "a1b1c1d1"}, ""},
		{"emptied for long, back with edits, and still", []string{"abcd", "", "", "a1b1c1d1", "a1b1c1d1"}, ""},
		{"emptied for long, back step by step", []string{"abcdef", "", "", "", "ab", "abcdef"}, ""},
		{"emptied for long, back in another order with a new one", []string{"abcd", "", "", "dbxac"}, "x"},
		{"emptied for long, half-typed", []string{"", "a", "", "", "a-"}, "a:waiting, 1 deleted"},
		{"emptied for long, the fired row edited", []string{"", "a", "", "", "a1"}, "a, 1 deleted"},
		{"emptied for long, the fired row back after all", []string{"", "a", "", "", "a1", "a1a"}, "1 back"},
		{"emptied for long, a waiting row complete", []string{"", "a-", "", "", "a"}, "a, 1 deleted"},
		{"emptied for long, back, then an edit", []string{"abcd", "", "", "abcd", "ab1cd"}, ""},
		{"errors everywhere", []string{"abcd", "a!b!c!d!"}, ""},
		{"errors everywhere, and gone again", []string{"abcd", "a!b!c!d!", "abcd"}, ""},
		{"errors everywhere, and still", []string{"abcd", "a!b!c!d!", "a!b!c!d!"}, ""},
		{"errors that stay, and a new row", []string{"abcd", "a!b!c!d!", "a!b!c!d!", "a!b!c!d!e!"}, "e"},
		{"an error in one row", []string{"abcd", "a!bcd"}, ""},
		{"half-typed waits", []string{"abc", "abcd-"}, "d:waiting"},
		{"half-typed, then complete", []string{"abc", "abcd-", "abcd"}, "1 became ready"},
		{"half-typed, then edited", []string{"abc", "abcd-", "abcd-1"}, "1 edited"},
		{"half-typed, moved and complete", []string{"abc", "abcd-", "dabc"}, "1 became ready"},
		{"still loading waits", []string{"abc", "abcd?"}, "d:waiting"},
		{"half-typed at the start, then complete", []string{"abc-", "abc"}, "c"},
		{"half-typed at the start, then deleted", []string{"abc-", "ab"}, ""},
		{"a fired row without its email is still fired", []string{"ab", "abc", "abc-", "abc"}, "1 edited"},
		{"a fired row edited", []string{"abcdef", "abcdefg", "abcdefg1"}, "1 edited"},
		{"a fired row moved", []string{"abcdef", "abcdefg", "gabcdef"}, "1 moved"},
		{"a fired row deleted", []string{"abcdef", "abcdefg", "abcdef"}, "1 deleted"},
		{"a fired row back", []string{"abcdef", "abcdefg", "abcdef", "abcdefg"}, "1 back"},
		{"a waiting row back and complete", []string{"abcdef", "abcdefg-", "abcdef", "abcdefg-", "abcdefg"}, "1 became ready"},
		{"the only row edited", []string{"a", "a1"}, ""},
		{"the only row replaced", []string{"a", "x"}, "x"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := said(polls(t, o, tt.polls...)); got != tt.want {
				t.Errorf("%q: got %q, want %q", tt.polls, got, tt.want)
			}
		})
	}
}
