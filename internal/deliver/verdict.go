package deliver

import (
	"errors"
	"fmt"
	"strconv"
	"time"

	"go.uber.org/zap"

	"github.com/rowtap/rowtap/internal/clevertap"
	"github.com/rowtap/rowtap/internal/config"
	"github.com/rowtap/rowtap/internal/ledger"
)

// splitAfter is the number of attempts after which a server error may be caused by the rows.
// Uploads then get smaller until the row that CleverTap cannot process is alone and others are sent
// before it.
const splitAfter = 3

// unknownTries is how often a record that must not arrive twice is sent at most without a response,
// the last time alone, and each time after a response to a dry run. Server errors alone never hold
// a row.
const unknownTries = 5

// shortResponses is how many responses in a row may account for fewer records than were sent. A
// server that always counts low would make rowtap send every record twice, so an operator decides.
const shortResponses = 2

// refusedAlone is how many uploads of a single record may be refused as a whole in a row before a
// dry run must show that the records are the cause: an endpoint that refuses everything with 400
// must not fail a backlog.
const refusedAlone = 3

// judge decides what a response, or the lack of one, means for the account, for the size of
// uploads, and for each row.
func (s *Sender) judge(u *upload) {
	now := s.opts.Now()
	a, q := u.account, u.queue
	if u.err == nil {
		a.breaker.pass(u.nth)
		a.refused = 0
		a.limit = min(a.limit+1, a.config.MaxConcurrent)
		q.limit = min(2*q.limit, clevertap.MaxRecords)
		if u.response.Odd != "" {
			s.log.Warn("unexpected response", zap.String("zap", q.recipe.Name), zap.String("account", a.config.Name), zap.String("reason", u.response.Odd))
		}
		s.judgeShort(u)
		u.outcomes = outcomesOf(u, now)
		return
	}
	err := u.failure()
	switch err.Kind {
	case clevertap.RefusedBody, clevertap.TooLarge:
		if len(u.items) == 1 {
			a.refused++
		}
		a.breaker.pass(u.nth)
		q.limit = max(1, len(u.items)/2)
	case clevertap.Busy:
		a.limit = max(1, a.limit/2)
		s.trip(u, now, err)
	case clevertap.Server, clevertap.NoResponse:
		if u.items[0].attempts >= splitAfter {
			q.limit = max(1, len(u.items)/2)
		}
		s.trip(u, now, err)
	default:
		s.trip(u, now, err)
	}
	u.outcomes = failed(u, err, a.breaker.until)
}

// judgeShort counts responses that account for fewer records than were sent. The response to a
// record sent alone because of one proves nothing about the others.
func (s *Sender) judgeShort(u *upload) {
	a := u.account
	switch {
	case !u.response.Short && u.items[0].solo:
		return
	case !u.response.Short:
		a.short = 0
		return
	}
	a.breaker.doubt(a.uploads)
	if a.short++; a.short < shortResponses || a.breaker.stopped {
		return
	}
	err := &clevertap.Error{
		Account: a.config.Name, HTTPStatus: u.response.HTTPStatus, Kind: clevertap.NoResponse,
		Message: fmt.Sprintf("%d responses in a row accounted for fewer records than were sent, the last one for %d of %d; uploads are stopped",
			a.short, u.response.Processed, len(u.items)),
		Hint: "check in CleverTap's dashboard whether the records arrived; " +
			"then rowtap reload restarts the uploads and resends the records in doubt",
	}
	a.breaker.stop(err, a.uploads)
	s.log.Error("uploads stopped until a reload", zap.String("account", a.config.Name), zap.Error(err), zap.String("next", err.Hint))
}

// failure returns why an upload failed as a whole.
func (u *upload) failure() *clevertap.Error {
	if err, ok := errors.AsType[*clevertap.Error](u.err); ok {
		return err
	}
	return &clevertap.Error{Account: u.account.config.Name, Kind: clevertap.NoResponse, Message: u.err.Error(), Err: u.err}
}

// probed handles the response to a dry run.
func (s *Sender) probed(u upload) {
	u.account.probing = false
	if u.err == nil {
		u.account.refused = 0
		u.account.breaker.probed()
		return
	}
	err := u.failure()
	if err.Kind == clevertap.RefusedBody || err.Kind == clevertap.TooLarge {
		err.Kind = clevertap.Closed
		err.Hint = "every request is refused: check the account's endpoint and any proxy in between; " +
			"then replay the rows that have failed: rowtap replay ZAP --state failed"
	}
	s.trip(&u, s.opts.Now(), err)
}

// trip stops the account's uploads for a while. It logs that at the first failure and when an
// operator is needed.
func (s *Sender) trip(u *upload, now time.Time, err *clevertap.Error) {
	a := u.account
	said := a.breaker.failures > 0 && (a.breaker.shut || err.Kind != clevertap.Credentials && err.Kind != clevertap.Closed)
	a.breaker.fail(now, err, u.nth, a.uploads)
	if !said {
		s.log.Warn("upload failed; rows stay queued and are retried", zap.String("account", a.config.Name), zap.Error(err),
			zap.Time("next_try", a.breaker.until), zap.String("next", err.Hint))
	}
}

// outcomesOf returns the outcomes of an upload whose response covers each record.
func outcomesOf(u *upload, now time.Time) []ledger.Outcome {
	answer := &ledger.Answer{
		At: now, HTTPStatus: u.response.HTTPStatus, Status: u.response.Status,
		Processed: u.response.Processed, Sent: len(u.items),
	}
	out := make([]ledger.Outcome, len(u.items))
	for i, it := range u.items {
		result := u.response.Results[i]
		o := ledger.Outcome{Number: it.number, State: ledger.Queued, Identity: it.record.ID, CountAttempt: true, Answer: answer}
		if result.Refusal != (clevertap.Refusal{}) {
			o.Problem = refusalProblem(result.Refusal)
		}
		switch result.Verdict {
		case clevertap.Accepted:
			o.State, o.Then = ledger.Sent, it.then
			if u.shadow { // validated by a dry run
				o.State = ledger.Validated
			}
		case clevertap.Refused:
			o.State = ledger.Failed
		case clevertap.Again:
			if o.Problem == nil {
				o.Problem = &ledger.Problem{Message: "CleverTap accepted no record of the upload and gave no reason"}
			}
			o.RetryAt = now.Add(backoff(it.attempts+1, 2*time.Second, 5*time.Minute))
		case clevertap.Alone:
			o.Solo = true
		case clevertap.Unknown:
			repeatable := it.record.Repeatable || u.shadow
			why := "CleverTap did not say which records it refused"
			if u.response.Short {
				why = "CleverTap neither counted the record as processed nor refused it"
			}
			unknown := noResponse(u.account.config, it.number, repeatable, why)
			// The response to the record alone is inconclusive, and so would be the next.
			if it.solo && len(u.items) == 1 {
				unknown.State, unknown.Reason = ledger.Held, "may have reached CleverTap, possibly more than once: its responses are inconclusive"
			}
			o.State, o.MaybeTwice, o.Reason, o.Problem = unknown.State, unknown.MaybeTwice, unknown.Reason, unknown.Problem
			// Alone and later: the response to a single record is about that record.
			o.Solo, o.RetryAt = true, now.Add(backoff(it.attempts+1, 2*time.Second, 5*time.Minute))
		}
		out[i] = o
	}
	return out
}

// failed returns the outcomes of an upload that failed as a whole; reopens is when the account's
// breaker allows uploads again.
func failed(u *upload, err *clevertap.Error, reopens time.Time) []ledger.Outcome {
	out := make([]ledger.Outcome, len(u.items))
	for i, it := range u.items {
		o := ledger.Outcome{Number: it.number, State: ledger.Queued}
		repeatable := it.record.Repeatable || u.shadow
		switch err.Kind {
		case clevertap.NoResponse:
			o = noResponse(u.account.config, it.number, repeatable, err.Message)
			o.Solo = !repeatable && it.twice // any record of the upload may be the cause
			if it.solo && o.Solo && it.attempts+1 >= unknownTries {
				o.State, o.Reason = ledger.Held, "may have reached CleverTap, possibly more than once: its uploads get no response"
			}
		case clevertap.Server:
			// CleverTap did respond. Such responses never hold a row if its account resends.
			o = noResponse(u.account.config, it.number, repeatable, err.Message)
			o.Problem = uploadProblem(err)
		case clevertap.RefusedBody, clevertap.TooLarge:
			if len(u.items) == 1 {
				o.State = ledger.Failed
			}
			o.Problem = uploadProblem(err)
		default:
			o.Problem = uploadProblem(err)
		}
		if err.Kind.MayHaveArrived() && len(u.items) == 1 && it.attempts >= splitAfter {
			// Others are sent first when the breaker allows it. If none of them succeeds either,
			// the row is unlikely to be the cause.
			longest := 10 * time.Minute
			if u.account.breaker.failures > 1 {
				longest = 30 * time.Second
			}
			o.RetryAt = reopens.Add(backoff(it.attempts-splitAfter, 5*time.Second, longest))
		}
		o.Identity, o.CountAttempt = it.record.ID, true
		out[i] = o
	}
	return out
}

// noResponse returns the outcome of a row that may have arrived.
func noResponse(account *config.CleverTapAccount, number uint64, repeatable bool, why string) ledger.Outcome {
	o := ledger.Outcome{Number: number, State: ledger.Queued, Problem: &ledger.Problem{Message: why}}
	switch {
	case repeatable:
		return o
	case account.OnUnknown == config.Hold:
		o.State = ledger.Held
		o.Reason = "may have reached CleverTap: " + why
	}
	o.MaybeTwice = true // also if held: once released, it is sent again
	return o
}

// uploadProblem returns the error of a whole upload in the form that a delivery shows.
func uploadProblem(err *clevertap.Error) *ledger.Problem {
	p := &ledger.Problem{Message: err.Message, Hint: err.Hint}
	if err.HTTPStatus != 0 {
		p.Code = strconv.Itoa(err.HTTPStatus)
	}
	return p
}

func refusalProblem(r clevertap.Refusal) *ledger.Problem {
	p := &ledger.Problem{Message: r.Message}
	if r.Code != 0 {
		p.Code = strconv.Itoa(r.Code)
	}
	return p
}

// announce logs an upload in one line, and each row that failed in another.
func (s *Sender) announce(u upload, outcomes []ledger.Outcome) {
	counts := map[ledger.State]int{}
	name := u.queue.recipe.Name
	for i, o := range outcomes {
		counts[o.State]++
		if o.State == ledger.Failed {
			s.log.Warn("row refused by CleverTap", zap.String("zap", name), zap.Int("row", u.items[i].row), zap.String("reason", o.Problem.Message),
				zap.String("code", o.Problem.Code), zap.String("next", "rowtap show "+name+"/"+strconv.FormatUint(o.Number, 10)))
		}
		s.outcome(name, u.items[i].row, o)
	}
	s.log.Info("upload", zap.String("zap", name), zap.String("account", u.account.config.Name),
		zap.Uint64("first", u.items[0].number), zap.Int("rows", len(u.items)), zap.Int("sent", counts[ledger.Sent]), zap.Int("validated", counts[ledger.Validated]),
		zap.Int("failed", counts[ledger.Failed]), zap.Int("requeued", counts[ledger.Queued]), zap.Int("held", counts[ledger.Held]),
		zap.Bool("shadow", u.shadow), zap.Duration("took", time.Since(u.began).Round(time.Millisecond)))
}
