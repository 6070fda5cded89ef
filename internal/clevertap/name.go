package clevertap

import "strings"

// PropertyName makes a name for a property of a text, such that there is nothing for [NameWarnings] to say of its characters and its
// length. It is "" where nothing is left.
func PropertyName(text string) string {
	name := strings.Map(func(r rune) rune {
		if strings.ContainsRune(forbiddenCharacters, r) {
			return ' '
		}
		return r
	}, text)
	name = strings.Join(strings.Fields(name), " ")
	name = strings.TrimSpace(strings.NewReplacer(" ( )", "", " [ ]", "").Replace(name)) // of Rate (%)
	if runes := []rune(name); len(runes) > maxName {
		name = strings.TrimSpace(string(runes[:maxName]))
	}
	return name
}

// MostProperties is how many properties CleverTap takes of an event, and how many custom ones of a profile.
func MostProperties(event bool) int {
	if event {
		return maxEventProperties
	}
	return maxProfileProperties
}
