package clevertap

import (
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

// Answer is what CleverTap said of an upload, record by record.
type Answer struct {
	HTTPStatus int      // 2xx
	Status     string   // CleverTap's: success, partial or fail
	Processed  int      // how many records CleverTap counts as accepted
	Results    []Result // one a record, in the order they were sent
	Odd        string   // what about the counts makes no sense, for the log; "": nothing
	Short      bool     // it accounts for fewer records than were sent; those it is silent about are Unknown
}

// Result is what became of one record.
type Result struct {
	Verdict Verdict
	Refusal Refusal // CleverTap's reason; empty where the verdict is Accepted, or it gave none for this record
}

// Verdict says what became of a record.
type Verdict uint8

// The verdicts.
const (
	Accepted Verdict = iota
	Refused          // for good: the record would be refused again
	Again            // not taken, by a fault of CleverTap's: send it again later
	Alone            // nothing of the batch arrived, but which reason is whose cannot be read: send each alone
	Unknown          // it cannot be told whether the record arrived
)

// String returns the verdict in a word, for logs.
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

// serverFault is the code of a record that failed by a fault of CleverTap's, not of its own
// (https://developer.clevertap.com/docs/api-errors).
const serverFault = 555

// maxEntries bounds the entries of unprocessed that are read: there should be no more than records, and an answer of a few bytes
// each must not take a hundred times its size.
const maxEntries = 4 * MaxRecords

// answerJSON is an answer's body.
type answerJSON struct {
	Status      string
	Processed   *number
	Unprocessed []entryJSON
	Code        number // of a refusal of the whole upload
	Error       string // of a refusal of the whole upload
}

// entryJSON is one element of unprocessed. The record that it echoes is of no use: it is normalised, and so cannot be told by comparing.
type entryJSON struct {
	Code  lenient `json:"code"`
	Error string  `json:"error"`
	other bool    // it is something else
}

// lenient is a number, 0 where something else stands: the text beside it may still say which record is meant.
type lenient number

// UnmarshalJSON takes anything.
func (l *lenient) UnmarshalJSON(b []byte) error {
	var n number
	if err := n.UnmarshalJSON(b); err == nil {
		*l = lenient(n)
	}
	return nil
}

// number is an integer that may come as a string.
type number int

// UnmarshalJSON takes 515, "515" and null.
func (n *number) UnmarshalJSON(b []byte) error {
	s := strings.TrimSpace(strings.Trim(string(b), `"`))
	if s == "null" || s == "" {
		return nil
	}
	i, err := strconv.ParseInt(s, 10, 32)
	if err != nil {
		return errors.New("not an integer where one is due")
	}
	*n = number(i)
	return nil
}

// refusal is an entry of unprocessed as it was understood.
type refusal struct {
	Refusal
	position int // 0-based index of the record; -1: not to be read
}

// result returns the result of the record that the entry is about.
func (r refusal) result() Result {
	if r.Code == serverFault || r.Code == 0 && r.Message == "" {
		return Result{Verdict: Again, Refusal: r.Refusal}
	}
	return Result{Verdict: Refused, Refusal: r.Refusal}
}

// parseAnswer reads what a 2xx answer to an upload of n records says. The error is an *Error, without its account: the
// upload was refused as a whole, or the answer says nothing. secret is kept out of all texts.
//
// HTTP 200 covers success, partial and total refusal; `unprocessed` decides, not `status`, for answers with the status
// success and refused records exist. Which record an entry is about stands in its text only: "… Skipped record number : 2".
// A real upload's records that are neither counted as processed nor named are Unknown, whatever the status; a dry run with the status
// success validates all that are not named.
func parseAnswer(status int, a answerJSON, n int, dryRun bool, secret string) (Answer, error) {
	if a.Status == "" && a.Processed == nil && a.Unprocessed == nil {
		return Answer{}, unreadable(status, "the answer is JSON, but has neither status nor processed nor unprocessed", nil)
	}
	if len(a.Unprocessed) == 0 && (a.Code != 0 || a.Error != "") && a.Status != "success" {
		return Answer{}, uploadRefused(status, a, secret)
	}
	answer := Answer{HTTPStatus: status, Status: clean(a.Status, secret), Results: make([]Result, n)}
	accounted := n
	switch {
	case a.Processed != nil:
		answer.Processed = int(*a.Processed)
		accounted = answer.Processed + len(a.Unprocessed)
	case a.Status != "success":
		accounted = len(a.Unprocessed)
	}
	if dryRun && a.Status == "success" {
		accounted = n
	}
	answer.Short = !dryRun && accounted < n
	if len(a.Unprocessed) == 0 {
		answer.withoutReasons(a.Processed != nil, accounted < n)
		return answer, nil
	}
	answer.withReasons(readEntries(a.Unprocessed, n, secret), accounted < n)
	return answer, nil
}

// withoutReasons fills in the results of an answer that names no refused record. counted tells whether it has a count, short whether
// that is too small.
func (a *Answer) withoutReasons(counted, short bool) {
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
		a.Odd = fmt.Sprintf("status %q, %d of %d records processed, but none named as unprocessed", a.Status, a.Processed, n)
	}
}

// withReasons fills in the results of an answer that refuses records. short tells that it accounts for fewer than were sent.
func (a *Answer) withReasons(entries []refusal, short bool) {
	n := len(a.Results)
	lost := 0 // entries whose record is not known
	named := make([]bool, n)
	for _, e := range entries {
		if e.position < 0 {
			lost++
			continue
		}
		named[e.position] = true
		a.Results[e.position] = e.result()
	}

	// What the records are that no entry names.
	others := Accepted
	switch {
	case lost > 0 && a.Processed == 0 && len(entries) == n:
		others = Alone
	case lost > 0:
		others, a.Short = Unknown, false // it has a word about them
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
		a.Odd = fmt.Sprintf("%d of %d entries of unprocessed do not tell their record; %d of %d records processed", lost, len(entries), a.Processed, n)
	case a.Processed+len(entries) != n:
		a.Odd = fmt.Sprintf("%d records processed and %d unprocessed, but %d were sent", a.Processed, len(entries), n)
	}
}

// readEntries understands the entries of unprocessed of an upload of n records. A position outside the batch, and one
// that two entries claim, is none.
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
		entries[0].position = 0 // whatever it says: there is no other record
	}
	return entries
}

// positionText finds the record's position in an entry's text. As recorded from the API, it is 1-based and stands at the end.
var positionText = regexp.MustCompile(`Skipped record number\s*:\s*(\d+)`)

// splitPosition returns an entry's text without the record's position, and the position, 0-based; -1 where there is none.
// The last one counts: the text before may hold a value of the record.
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

// uploadRefused is the error of a 2xx answer with an error for the whole upload. Its code may be an HTTP status.
func uploadRefused(status int, a answerJSON, secret string) *Error {
	kind := RefusedBody
	switch {
	case a.Code == serverFault:
		kind = Server
	case a.Code >= 400 && a.Code < 509: // from 509 on they are codes of records
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

// unreadable is the error of a 2xx answer that cannot be understood.
func unreadable(status int, message string, err error) *Error {
	return &Error{
		HTTPStatus: status, Message: message, Kind: NoAnswer, Err: err,
		Hint: "check the account's endpoint, and any proxy on the way: this is not how CleverTap answers",
	}
}
