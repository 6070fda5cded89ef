package clevertap

import (
	"strings"
	"unicode/utf8"
)

// The codes with which CleverTap refuses a single record (https://developer.clevertap.com/docs/api-errors).
const (
	CodeEventNameMissing  = 509 // the event has no name
	CodeEventStructure    = 512 // the event's properties are nested, which only Charged's Items may be
	CodeEventRestricted   = 513 // the event's name is one of CleverTap's own
	CodeGender            = 514
	CodeEmail             = 515
	CodePhone             = 516
	CodeEmployed          = 517
	CodeEducation         = 518
	CodeMarried           = 519
	CodeAge               = 520
	CodeTooManyProperties = 522 // of an event
	CodeIdentityMissing   = 523
	CodeNeitherKind       = 524 // neither a profile nor an event
	CodeTimestamp         = 525 // ts is not Unix epoch seconds
	CodeObjectID          = 526
	CodeEventDiscarded    = 528 // the event is discarded in the account's schema
	CodeServerError       = 555 // CleverTap's own trouble; the only one that passes by itself
)

// MaxIdentity is the greatest length of an identity, in characters
// (https://docs.clevertap.com/docs/map-data-for-import).
const MaxIdentity = 1024

// ChargedEvent is the purchase event, and ChargedItems its one property that may be nested: a list of flat objects
// (https://docs.clevertap.com/docs/events).
const (
	ChargedEvent = "Charged"
	ChargedItems = "Items"
)

// RefuseIdentity applies CleverTap's rules for an identity: 1 to [MaxIdentity] characters, and none of the words that
// exports write where there is no value, which would merge strangers into one profile
// (https://docs.clevertap.com/docs/map-data-for-import). refused is false for a good one.
func RefuseIdentity(id string) (why Refusal, refused bool) {
	id = strings.TrimSpace(id)
	switch {
	case id == "":
		return Refusal{CodeIdentityMissing, "identity is empty"}, true
	case utf8.RuneCountInString(id) > MaxIdentity:
		return Refusal{CodeIdentityMissing, "identity is longer than 1024 characters"}, true
	case isPlaceholder(id):
		return Refusal{CodeIdentityMissing, "identity is a word for 'no value', which CleverTap refuses"}, true
	}
	return Refusal{}, false
}

// isPlaceholder tells whether id is a word that CleverTap takes for a missing identity, in any case of letters.
func isPlaceholder(id string) bool {
	const longest = len("-infinity")
	if len(id) > longest {
		return false
	}
	switch strings.ToLower(id) {
	case "undefined", "null", "na", "n/a", "0", "nil", "-1", "infinity", "-infinity", "inf", "-inf", "nan", "-nan",
		"empty", "xxxxxx", "none":
		return true
	}
	return false
}

// RefuseEventName applies CleverTap's rules for an event's name: there must be one, and it must not be one that CleverTap
// raises itself (https://developer.clevertap.com/docs/api-errors, https://docs.clevertap.com/docs/events). CleverTap
// takes names that differ only in case and spaces for the same one. refused is false for a good one.
func RefuseEventName(name string) (why Refusal, refused bool) {
	switch {
	case strings.TrimSpace(name) == "":
		return Refusal{CodeEventNameMissing, "event name is empty"}, true
	case isSystemEvent(name):
		return Refusal{CodeEventRestricted, "event name is one of CleverTap's own, which only CleverTap may raise"}, true
	}
	return Refusal{}, false
}

func isSystemEvent(name string) bool {
	const longest = len("notificationdelivered")
	folded := make([]byte, 0, longest)
	for _, c := range []byte(name) {
		switch {
		case c == ' ':
			continue
		case len(folded) == longest:
			return false
		case 'A' <= c && c <= 'Z':
			c += 'a' - 'A'
		}
		folded = append(folded, c)
	}
	// The last one is not in the documentation, but CleverTap refused it in production
	// (https://github.com/rudderlabs/rudder-transformer, dataDelivery tests of its CleverTap destination).
	switch string(folded) {
	case "notificationsent", "notificationviewed", "notificationclicked", "notificationdelivered", "notificationreplied",
		"utmvisited", "applaunched", "appuninstalled", "appversionchanged", "stayed", "replysent", "experimentrendered",
		"reachableby", "identityreset", "identityset", "identityerror",
		"webpageviewed":
		return true
	}
	return false
}
