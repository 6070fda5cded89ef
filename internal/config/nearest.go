package config

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/agnivade/levenshtein"
)

// maxWord is the longest word to compare, in bytes: the time of a comparison grows with the product
// of both lengths.
const maxWord = 200

// Nearest returns the candidate closest to word, or "" if none is close. Case is ignored; at most a
// third of the word's letters may differ, or two letters of a short word. The first of equally
// close candidates wins.
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
		// A short word is within two letters of any other; at least one letter must match.
		d := levenshtein.ComputeDistance(lower, strings.ToLower(c))
		if d < least && d < max(letters, utf8.RuneCountInString(c)) {
			nearest, least = c, d
		}
	}
	return nearest
}

// didYouMean returns the suggestion for a word that is not allowed.
func didYouMean(word string, allowed []string) string {
	if near := Nearest(word, allowed); near != "" {
		return fmt.Sprintf("did you mean %q?", near)
	}
	if len(allowed) == 0 {
		return ""
	}
	if len(allowed[0]) == 1 { // a character, not a word
		return fmt.Sprintf("one of: %q", allowed)
	}
	return "one of: " + strings.Join(allowed, ", ")
}
