package sheets

// Urgency says which of an account's requests go first when they have to wait for its quota. Those of one urgency go in
// the order they came.
type Urgency uint8

// The urgencies, the most urgent first.
const (
	Finishing Urgency = iota // of a poll under way that found something and needs one more request
	Polling                  // of a poll that begins
	Bulk                     // of whole reads, for their pages after the first; every fifth read goes to one that waits
)
