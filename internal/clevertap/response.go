package clevertap

import (
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

// Response is CleverTap's response to an upload, record by record.
type Response struct {
	HTTPStatus int      // 2xx
	Status     string   // CleverTap's status: success, partial or fail
	Processed  int      // number of records that CleverTap counts as accepted
	Results    []Result // one per record, in the order sent
	Odd        string   // what is inconsistent about the counts, for the log; "": nothing
	// Short means that the response accounts for fewer records than were sent; the others are
	// Unknown.
	Short bool
}

// Result is the result of one record.
type Result struct {
	Verdict Verdict
	Refusal Refusal // CleverTap's reason; empty if Accepted, or if it gave none for this record
}

// Verdict is the outcome of a record.
type Verdict uint8

// The verdicts.
const (
	Accepted Verdict = iota
	Refused          // permanently: the record would be refused again
	Again            // not accepted because of a fault of CleverTap's: send it again later
	// Alone: nothing of the batch arrived, but the reasons cannot be matched to records: send each
	// alone.
	Alone
	Unknown // the record may or may not have arrived
)

// String returns the verdict as one word, for logs.
func (v Verdict) String() string {
	switch v {
	case Accepted:
		return "accepted"
	case Refused:
		return "refused"
	case Again:
		return "again"
	case Alone:
		return "alone"
	case Unknown:
		return "unknown"
	}
	return "unknown verdict"
}

// serverFault is the code of a record that failed because of a fault of CleverTap's, not of the
// record (https://developer.clevertap.com/docs/api-errors).
const serverFault = 555

// maxEntries bounds the entries of unprocessed that are read. There should be at most one per
// record, and a response of tiny entries must not use a hundred times its size in memory.
const maxEntries = 4 * MaxRecords

// responseJSON is the body of a response.
type responseJSON struct {
	Status      string
	Processed   *number
	Unprocessed []entryJSON
	Code        number // if the whole upload was refused
	Error       string // if the whole upload was refused
}

// entryJSON is an element of unprocessed. It leaves out the echoed record, which CleverTap
// normalises, so that it cannot be matched by comparison.
type entryJSON struct {
	Code  lenient `json:"code"`
	Error string  `json:"error"`
	other bool    // the element is not an object of this form
}

// lenient is a number that decodes as 0 from any other value, because the text next to it may still
// identify the record.
type lenient number

// UnmarshalJSON accepts any value and returns no error.
func (l *lenient) UnmarshalJSON(b []byte) error {
	var n number
	if err := n.UnmarshalJSON(b); err == nil {
		*l = lenient(n)
	}
	return nil
}

// number is an integer that may be encoded as a string.
type number int

// UnmarshalJSON accepts 515, "515" and null.
func (n *number) UnmarshalJSON(b []byte) error {
	s := strings.TrimSpace(strings.Trim(string(b), `"`))
	if s == "null" || s == "" {
		return nil
	}
	i, err := strconv.ParseInt(s, 10, 32)
	if err != nil {
		return errors.New("not an integer")
	}
	*n = number(i)
	return nil
}

// refusal is a parsed entry of unprocessed.
type refusal struct {
	Refusal
	position int // 0-based index of the record; -1: unknown
}

// result returns the result for the record of the entry.
func (r refusal) result() Result {
	if r.Code == serverFault || r.Code == 0 && r.Message == "" {
		return Result{Verdict: Again, Refusal: r.Refusal}
	}
	return Result{Verdict: Refused, Refusal: r.Refusal}
}

// parseResponse interprets the body of a 2xx response to an upload of n records. The error is an
// *Error without its account: the whole upload was refused, or the response says nothing. secret is
// removed from all texts.
//
// HTTP 200 covers success, partial refusal and total refusal. `unprocessed` decides, not `status`,
// because there are responses with the status success and refused records. Only the text of an
// entry identifies its record: "… Skipped record number : 2". In a real upload, records that are
// neither counted as processed nor listed are Unknown, whatever the status. A dry run with the
// status success accepts all records that are not listed.
func parseResponse(status int, a responseJSON, n int, dryRun bool, secret string) (Response, error) {
	if a.Status == "" && a.Processed == nil && a.Unprocessed == nil {
		return Response{}, unreadable(status, "not a CleverTap response: it is JSON without any of status, processed and unprocessed", nil)
	}
	if len(a.Unprocessed) == 0 && (a.Code != 0 || a.Error != "") && a.Status != "success" {
		return Response{}, uploadRefused(status, a, secret)
	}
	response := Response{HTTPStatus: status, Status: clean(a.Status, secret), Results: make([]Result, n)}
	accounted := n
	switch {
	case a.Processed != nil:
		response.Processed = int(*a.Processed)
		accounted = response.Processed + len(a.Unprocessed)
	case a.Status != "success":
		accounted = len(a.Unprocessed)
	}
	if dryRun && a.Status == "success" {
		accounted = n
	}
	response.Short = !dryRun && accounted < n
	if len(a.Unprocessed) == 0 {
		response.withoutReasons(a.Processed != nil, accounted < n)
		return response, nil
	}
	response.withReasons(readEntries(a.Unprocessed, n, secret), accounted < n)
	return response, nil
}

// withoutReasons sets the results for a response that lists no refused record. counted means that
// it has a count, short that the count is too small.
func (a *Response) withoutReasons(counted, short bool) {
	n := len(a.Results)
	all := Accepted
	switch {
	case a.Status == "fail" && a.Processed == 0:
		all, a.Short = Again, false
	case short:
		all = Unknown
	}
	for i := range a.Results {
		a.Results[i].Verdict = all
	}
	switch {
	case all == Again:
		a.Odd = fmt.Sprintf("status fail without a reason for any of %d records", n)
	case !counted:
		a.Odd = fmt.Sprintf("status %q without a count for %d records", a.Status, n)
	case a.Processed != n || a.Status != "success":
		a.Odd = fmt.Sprintf("status %q, %d of %d records processed, but none listed as unprocessed", a.Status, a.Processed, n)
	}
}

// withReasons sets the results for a response that lists refused records. short means that it
// accounts for fewer records than were sent.
func (a *Response) withReasons(entries []refusal, short bool) {
	n := len(a.Results)
	lost := 0 // entries that do not identify their record
	named := make([]bool, n)
	for _, e := range entries {
		if e.position < 0 {
			lost++
			continue
		}
		named[e.position] = true
		a.Results[e.position] = e.result()
	}

	// The verdict of records that no entry identifies.
	others := Accepted
	switch {
	case lost > 0 && a.Processed == 0 && len(entries) == n:
		others = Alone
	case lost > 0:
		others, a.Short = Unknown, false // the response does mention them
	case short:
		others = Unknown
	}
	for i := range a.Results {
		if !named[i] {
			a.Results[i].Verdict = others
		}
	}

	switch {
	case lost > 0:
		a.Odd = fmt.Sprintf("%d of %d entries of unprocessed do not identify their record; %d of %d records processed", lost, len(entries), a.Processed, n)
	case a.Processed+len(entries) != n:
		a.Odd = fmt.Sprintf("%d records processed and %d unprocessed, but %d were sent", a.Processed, len(entries), n)
	}
}

// readEntries parses the entries of unprocessed for an upload of n records. A position outside the
// batch, or in two entries, counts as unknown.
func readEntries(unprocessed []entryJSON, n int, secret string) []refusal {
	entries := make([]refusal, len(unprocessed))
	holder := make(map[int]int, len(unprocessed)) // entry by position
	for i, e := range unprocessed {
		if e.other {
			entries[i] = refusal{position: -1}
			continue
		}
		text, position := splitPosition(e.Error)
		if position >= n {
			position = -1
		}
		entries[i] = refusal{Refusal{Code: int(e.Code), Message: clean(text, secret)}, position}
		if position < 0 {
			continue
		}
		if first, claimed := holder[position]; claimed {
			entries[first].position, entries[i].position = -1, -1
			continue
		}
		holder[position] = i
	}
	if n == 1 && len(entries) == 1 {
		entries[0].position = 0 // whatever the text says, there is no other record
	}
	return entries
}

// positionText matches the position in the text of an entry. In recorded responses, it is 1-based
// and at the end.
var positionText = regexp.MustCompile(`Skipped record number\s*:\s*(\d+)`)

// splitPosition splits the text of an entry into the text and the 0-based position; -1 if there is
// none. The last match counts, because the text before it may contain a value of the record.
func splitPosition(text string) (rest string, position int) {
	at := strings.LastIndex(text, "Skipped record number")
	if at < 0 {
		return text, -1
	}
	m := positionText.FindStringSubmatch(text[at:])
	if m == nil {
		return text, -1
	}
	rest = strings.TrimSpace(text[:at])
	i, err := strconv.ParseInt(m[1], 10, 32)
	if err != nil {
		return rest, -1
	}
	return rest, int(i) - 1
}

// uploadRefused returns the error for a 2xx response that refuses the whole upload. Its code may be
// an HTTP status.
func uploadRefused(status int, a responseJSON, secret string) *Error {
	kind := RefusedBody
	switch {
	case a.Code == serverFault:
		kind = Server
	case a.Code >= 400 && a.Code < 509: // codes from 509 on are those of single records
		kind = kindOf(int(a.Code))
	}
	message := clean(a.Error, secret)
	if message == "" {
		message = "no reason given"
	}
	if a.Code != 0 {
		message += fmt.Sprintf(" (CleverTap code %d)", a.Code)
	}
	return &Error{HTTPStatus: status, Message: message, Kind: kind, Hint: hintOf(kind)}
}

// unreadable returns the error for a 2xx response that cannot be interpreted.
func unreadable(status int, message string, err error) *Error {
	return &Error{
		HTTPStatus: status, Message: message, Kind: NoResponse, Err: err,
		Hint: "check the account's endpoint and any proxy in between: this is not a CleverTap response",
	}
}
