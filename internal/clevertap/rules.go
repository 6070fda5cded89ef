package clevertap

import (
	"strings"
	"unicode/utf8"
)

// The codes of CleverTap for a refused record (https://developer.clevertap.com/docs/api-errors).
const (
	CodeEventNameMissing  = 509 // the event has no name
	CodeEventStructure    = 512 // nested properties, which only Items of Charged may be
	CodeEventRestricted   = 513 // the event name is reserved
	CodeGender            = 514
	CodeEmail             = 515
	CodePhone             = 516
	CodeEmployed          = 517
	CodeEducation         = 518
	CodeMarried           = 519
	CodeAge               = 520
	CodeTooManyProperties = 522 // in an event
	CodeIdentityMissing   = 523
	CodeNeitherKind       = 524 // neither a profile nor an event
	CodeTimestamp         = 525 // missing or invalid
	CodeObjectID          = 526
	CodeEventDiscarded    = 528 // the event is marked as discarded in the account
	CodeServerError       = 555 // a fault of CleverTap's; the only temporary one
)

// MaxIdentity is the most characters in an identity
// (https://docs.clevertap.com/docs/map-data-for-import).
const MaxIdentity = 1024

// ChargedEvent is the purchase event. ChargedItems is its property with a list of flat objects, the
// only one that may be nested (https://docs.clevertap.com/docs/events).
const (
	ChargedEvent = "Charged"
	ChargedItems = "Items"
)

// RefuseIdentity applies CleverTap's rules for an identity: 1 to [MaxIdentity] characters, and none
// of the placeholders that exports write for a missing value, which would merge strangers into one
// profile (https://docs.clevertap.com/docs/map-data-for-import). refused is false for a valid one.
func RefuseIdentity(id string) (why Refusal, refused bool) {
	id = strings.TrimSpace(id)
	switch {
	case id == "":
		return Refusal{CodeIdentityMissing, "identity is empty"}, true
	case utf8.RuneCountInString(id) > MaxIdentity:
		return Refusal{CodeIdentityMissing, "identity is longer than 1024 characters"}, true
	case isPlaceholder(id):
		return Refusal{CodeIdentityMissing, "identity is a placeholder for a missing value, which CleverTap refuses"}, true
	}
	return Refusal{}, false
}

// isPlaceholder reports whether CleverTap treats id as a missing identity, ignoring case.
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

// RefuseEventName applies CleverTap's rules for an event name: it must not be empty or one of
// CleverTap's own events (https://developer.clevertap.com/docs/api-errors,
// https://docs.clevertap.com/docs/events). CleverTap ignores case and spaces in event names.
// refused is false for a valid one.
func RefuseEventName(name string) (why Refusal, refused bool) {
	switch {
	case strings.TrimSpace(name) == "":
		return Refusal{CodeEventNameMissing, "event name is empty"}, true
	case isSystemEvent(name):
		return Refusal{CodeEventRestricted, "event name is reserved for CleverTap's own events"}, true
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
	// The last one is undocumented, but CleverTap refused it in production
	// (https://github.com/rudderlabs/rudder-transformer, dataDelivery tests of its CleverTap
	// destination).
	switch string(folded) {
	case "notificationsent", "notificationviewed", "notificationclicked", "notificationdelivered", "notificationreplied",
		"utmvisited", "applaunched", "appuninstalled", "appversionchanged", "stayed", "replysent", "experimentrendered",
		"reachableby", "identityreset", "identityset", "identityerror",
		"webpageviewed":
		return true
	}
	return false
}
