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

// splitAfter is the number of attempts at a row after which a server error may be the fault of the
// rows: uploads get smaller, until the row that CleverTap cannot process is alone, and others go
// before it.
const splitAfter = 3

// unknownTries is how often a record that must not arrive twice is sent at most without a response,
// the last time alone. Each time CleverTap had responded to a dry run before. Server errors alone
// never hold a row.
const unknownTries = 5

// shortResponses is how many responses in a row may account for fewer records than were sent. A
// server that always counts low would have all records sent twice: then an operator decides.
const shortResponses = 2

// refusedAlone is how many uploads of a single record may be refused as a whole, one after another,
// until a dry run has to show that it is the records' fault: an endpoint that refuses everything
// with 400 must not make a backlog fail.
const refusedAlone = 3

// weigh decides what a response, or its absence, means for the account, for the size of uploads,
// and for each row.
func (s *Sender) weigh(u *upload) {
	now := s.opts.Now()
	a, q := u.account, u.queue
	if u.err == nil {
		a.breaker.pass(u.nth)
		a.refused = 0
		a.limit = min(a.limit+1, a.config.MaxConcurrent)
		q.limit = min(2*q.limit, clevertap.MaxRecords)
		if u.answer.Odd != "" {
			s.log.Warn("an odd response: "+u.answer.Odd, zap.String("zap", q.recipe.Name), zap.String("account", a.config.Name))
		}
		s.weighShort(u)
		u.outcomes = answered(u, now)
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
	case clevertap.Server, clevertap.NoAnswer:
		if u.items[0].attempts >= splitAfter {
			q.limit = max(1, len(u.items)/2)
		}
		s.trip(u, now, err)
	default:
		s.trip(u, now, err)
	}
	u.outcomes = failed(u, err, a.breaker.until)
}

// weighShort counts responses that account for fewer records than were sent. A record that is sent
// alone because of one proves nothing about the others.
func (s *Sender) weighShort(u *upload) {
	a := u.account
	switch {
	case !u.answer.Short && u.items[0].solo:
		return
	case !u.answer.Short:
		a.short = 0
		return
	}
	a.breaker.doubt(a.uploads)
	if a.short++; a.short < shortResponses || a.breaker.stopped {
		return
	}
	err := &clevertap.Error{
		Account: a.config.Name, HTTPStatus: u.answer.HTTPStatus, Kind: clevertap.NoAnswer,
		Message: fmt.Sprintf("%d responses in a row account for fewer records than were sent, the last one for %d of %d; uploads are stopped",
			a.short, u.answer.Processed, len(u.items)),
		Hint: "check in CleverTap's dashboard whether the records arrived; then rowtap reload starts the uploads again, and sends those of which " +
			"it is not known again",
	}
	a.breaker.stop(err, a.uploads)
	s.log.Error("CleverTap: "+err.Error(), zap.String("account", a.config.Name), zap.String("next", err.Hint))
}

// failure returns why an upload failed as a whole.
func (u *upload) failure() *clevertap.Error {
	if err, ok := errors.AsType[*clevertap.Error](u.err); ok {
		return err
	}
	return &clevertap.Error{Account: u.account.config.Name, Kind: clevertap.NoAnswer, Message: u.err.Error(), Err: u.err}
}

// probed handles the response to a dry run that was to show whether CleverTap responds.
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
		err.Hint = "it refuses whatever it is sent: check the account's endpoint, and any proxy on the way; " +
			"for the rows that failed by then: rowtap replay ZAP --state failed"
	}
	s.trip(&u, s.opts.Now(), err)
}

// trip stops the account's uploads for a while, and logs that once: at the first failure, and when
// an operator is needed.
func (s *Sender) trip(u *upload, now time.Time, err *clevertap.Error) {
	a := u.account
	said := a.breaker.failures > 0 && (a.breaker.shut || err.Kind != clevertap.Credentials && err.Kind != clevertap.Closed)
	a.breaker.fail(now, err, u.nth, a.uploads)
	if !said {
		s.log.Warn("CleverTap: "+err.Error()+"; rows are kept and sent again", zap.String("account", a.config.Name),
			zap.Time("next try", a.breaker.until), zap.String("next", err.Hint))
	}
}

// answered returns the outcomes of an upload with a response about each record.
func answered(u *upload, now time.Time) []ledger.Outcome {
	answer := &ledger.Answer{
		At: now, HTTPStatus: u.answer.HTTPStatus, Status: u.answer.Status,
		Processed: u.answer.Processed, Sent: len(u.items),
	}
	out := make([]ledger.Outcome, len(u.items))
	for i, it := range u.items {
		result := u.answer.Results[i]
		o := ledger.Outcome{Number: it.number, State: ledger.Queued, Identity: it.record.ID, CountAttempt: true, Answer: answer}
		if result.Refusal != (clevertap.Refusal{}) {
			o.Problem = refusalProblem(result.Refusal)
		}
		switch result.Verdict {
		case clevertap.Accepted:
			o.State, o.Then = ledger.Sent, it.then
			if u.shadow { // by a dry run
				o.State = ledger.Validated
			}
		case clevertap.Refused:
			o.State = ledger.Failed
		case clevertap.Again:
			if o.Problem == nil {
				o.Problem = &ledger.Problem{Message: "CleverTap took no record of the upload, and gave no reason"}
			}
			o.RetryAt = now.Add(backoff(it.attempts+1, 2*time.Second, 5*time.Minute))
		case clevertap.Alone:
			o.Solo = true
		case clevertap.Unknown:
			repeatable := it.record.Repeatable || u.shadow
			why := "CleverTap did not say which records it refused"
			if u.answer.Short {
				why = "CleverTap neither counted it as processed nor refused it"
			}
			unknown := noAnswer(u.account.config, it.number, repeatable, why)
			if it.solo && len(u.items) == 1 { // the response to it alone is inconclusive too, and so would be the next
				unknown.State, unknown.Reason = ledger.Held, "it may have reached CleverTap, more than once: its answers do not tell"
			}
			o.State, o.MaybeTwice, o.Reason, o.Problem = unknown.State, unknown.MaybeTwice, unknown.Reason, unknown.Problem
			// Alone, and not at once: the response to a single record is about that record.
			o.Solo, o.RetryAt = true, now.Add(backoff(it.attempts+1, 2*time.Second, 5*time.Minute))
		}
		out[i] = o
	}
	return out
}

// failed returns the outcomes of an upload that failed as a whole; reopens is when the account's
// breaker opens again.
func failed(u *upload, err *clevertap.Error, reopens time.Time) []ledger.Outcome {
	out := make([]ledger.Outcome, len(u.items))
	for i, it := range u.items {
		o := ledger.Outcome{Number: it.number, State: ledger.Queued}
		repeatable := it.record.Repeatable || u.shadow
		switch err.Kind {
		case clevertap.NoAnswer:
			o = noAnswer(u.account.config, it.number, repeatable, err.Message)
			o.Solo = !repeatable && it.twice // one of those that it was with may be the cause
			if it.solo && o.Solo && it.attempts+1 >= unknownTries {
				o.State, o.Reason = ledger.Held, "it may have reached CleverTap, more than once: its uploads are not answered"
			}
		case clevertap.Server:
			// CleverTap did respond: however often, that alone never holds a row whose account resends.
			o = noAnswer(u.account.config, it.number, repeatable, err.Message)
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
			// Others go first when the breaker opens. If none of them succeeds either, the row is hardly the cause.
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

// noAnswer returns the outcome of a row that may or may not have arrived.
func noAnswer(account *config.CleverTapAccount, number uint64, repeatable bool, why string) ledger.Outcome {
	o := ledger.Outcome{Number: number, State: ledger.Queued, Problem: &ledger.Problem{Message: why}}
	switch {
	case repeatable:
		return o
	case account.OnUnknown == config.Hold:
		o.State = ledger.Held
		o.Reason = "it may have reached CleverTap: " + why
	}
	o.MaybeTwice = true // also of one that is held: once released it is sent again
	return o
}

// uploadProblem returns the error of a whole upload as a delivery shows it.
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

// announce logs an upload: one line a batch, and one for each row that failed.
func (s *Sender) announce(u upload, outcomes []ledger.Outcome) {
	counts := map[ledger.State]int{}
	name := u.queue.recipe.Name
	for i, o := range outcomes {
		counts[o.State]++
		if o.State == ledger.Failed {
			s.log.Warn("CleverTap refuses the row: "+o.Problem.Message, zap.String("zap", name), zap.Int("row", u.items[i].row),
				zap.String("code", o.Problem.Code), zap.String("next", "rowtap show "+name+"/"+strconv.FormatUint(o.Number, 10)))
		}
		s.outcome(name, u.items[i].row, o)
	}
	s.log.Info("upload", zap.String("zap", name), zap.String("account", u.account.config.Name),
		zap.Uint64("first", u.items[0].number), zap.Int("rows", len(u.items)), zap.Int("sent", counts[ledger.Sent]), zap.Int("validated", counts[ledger.Validated]),
		zap.Int("failed", counts[ledger.Failed]), zap.Int("again", counts[ledger.Queued]), zap.Int("held", counts[ledger.Held]),
		zap.Bool("shadow", u.shadow), zap.Duration("took", time.Since(u.began).Round(time.Millisecond)))
}
