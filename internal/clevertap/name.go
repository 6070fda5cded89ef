package clevertap

import "strings"

// PropertyName derives a property name from a text, without the characters and the length that
// [NameWarnings] reports. It returns "" if nothing is left.
func PropertyName(text string) string {
	name := strings.Map(func(r rune) rune {
		if strings.ContainsRune(forbiddenCharacters, r) {
			return ' '
		}
		return r
	}, text)
	name = strings.Join(strings.Fields(name), " ")
	name = strings.TrimSpace(strings.NewReplacer(" ( )", "", " [ ]", "").Replace(name)) // from names such as Rate (%)
	if runes := []rune(name); len(runes) > maxName {
		name = strings.TrimSpace(string(runes[:maxName]))
	}
	return name
}

// MostProperties returns the most properties that CleverTap accepts in an event, or the most custom
// properties in a profile.
func MostProperties(event bool) int {
	if event {
		return maxEventProperties
	}
	return maxProfileProperties
}
