package clevertap

import "strconv"

// Record is one element of an upload's "d", ready to be sent
// (https://developer.clevertap.com/docs/upload-user-profiles-api, https://developer.clevertap.com/docs/upload-events-api).
type Record struct {
	IDKey string // which of CleverTap's keys names the user: identity, objectId, FBID or GPID
	ID    string // the user; never empty
	JSON  []byte // the record, encoded; no trailing newline

	// Repeatable tells that the record does no harm when it is accepted twice: a profile without $incr and $decr.
	// An event never is, for CleverTap does not de-duplicate events.
	Repeatable bool
}

// Refusal is why a record is not accepted, by CleverTap or by the same rule checked here.
type Refusal struct {
	Code    int    // CleverTap's (https://developer.clevertap.com/docs/api-errors), 0 where it has none
	Message string // for an operator; no values of the record in it when it was made here
}

// String returns the message and, where there is one, CleverTap's code.
func (r Refusal) String() string {
	if r.Code == 0 {
		return r.Message
	}
	return r.Message + " (CleverTap code " + strconv.Itoa(r.Code) + ")"
}
