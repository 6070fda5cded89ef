package clevertap

import "strconv"

// Record is an encoded element of an upload's "d"
// (https://developer.clevertap.com/docs/upload-user-profiles-api,
// https://developer.clevertap.com/docs/upload-events-api).
type Record struct {
	IDKey string // CleverTap's key for the user: identity, objectId, FBID or GPID
	ID    string // the user; never empty
	JSON  []byte // the encoded record, without a trailing newline

	// Repeatable means that the record does no harm if it is accepted twice: a profile without
	// $incr and $decr. Events are never repeatable, because CleverTap does not deduplicate them.
	Repeatable bool
}

// Refusal is the reason why a record is rejected, by CleverTap or by the same rule checked here.
type Refusal struct {
	Code    int    // CleverTap's (https://developer.clevertap.com/docs/api-errors); 0: none
	Message string // for an operator; without values of the record if it was made here
}

// String returns the message and CleverTap's code, if there is one.
func (r Refusal) String() string {
	if r.Code == 0 {
		return r.Message
	}
	return r.Message + " (CleverTap code " + strconv.Itoa(r.Code) + ")"
}
