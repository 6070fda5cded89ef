package config

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/agnivade/levenshtein"
)

// maxWord is the longest word, in bytes, that is worth comparing: the comparison takes time in the product of lengths.
const maxWord = 200

// Nearest returns the candidate closest to word, or "" if none is close: case aside, at most a third of the word's
// letters differ, or two of a short word's. Of equally close candidates it is the first.
func Nearest(word string, candidates []string) string {
	if word == "" || len(word) > maxWord {
		return ""
	}
	lower := strings.ToLower(word)
	letters := utf8.RuneCountInString(lower)
	nearest, least := "", max(2, letters/3)+1
	for _, c := range candidates {
		if len(c) > maxWord {
			continue
		}
		// A short word is within two letters of any other; something of it must remain.
		d := levenshtein.ComputeDistance(lower, strings.ToLower(c))
		if d < least && d < max(letters, utf8.RuneCountInString(c)) {
			nearest, least = c, d
		}
	}
	return nearest
}

// didYouMean returns what to suggest for a word that is none of the allowed ones.
func didYouMean(word string, allowed []string) string {
	if near := Nearest(word, allowed); near != "" {
		return fmt.Sprintf("did you mean %q?", near)
	}
	if len(allowed) == 0 {
		return ""
	}
	if len(allowed[0]) == 1 { // a sign, not a word
		return fmt.Sprintf("one of: %q", allowed)
	}
	return "one of: " + strings.Join(allowed, ", ")
}
