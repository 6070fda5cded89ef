package engine

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"go.uber.org/zap"

	"github.com/rowtap/rowtap/internal/config"
	"github.com/rowtap/rowtap/internal/notify"
)

// ConfigurationRefused is what health and readiness report while the configuration files are
// refused.
const ConfigurationRefused = "configuration refused"

// Refusal says why the configuration files were refused. The previous configuration, if there is
// one, stays in force.
type Refusal struct {
	At       time.Time `json:"at"`       // when the files were first refused since the last good load; UTC
	Mistakes []string  `json:"mistakes"` // one line each: file:line:column, what is wrong, what to write
	Hint     string    `json:"hint"`
}

// NewRefusal returns the refusal of an error of [plan.Load].
func NewRefusal(err error, at time.Time) *Refusal {
	r := &Refusal{At: at.UTC(), Hint: "correct the files, then: rowtap check && rowtap reload"}
	if wrong, ok := errors.AsType[config.Diagnostics](err); ok {
		for _, d := range wrong {
			r.Mistakes = append(r.Mistakes, d.Text())
		}
	} else {
		message, next, ok := strings.Cut(err.Error(), "\nnext: ")
		r.Mistakes = []string{strings.ReplaceAll(message, "\n", " ")}
		if ok {
			r.Hint = next
		}
	}
	return r
}

// Summary returns the number of mistakes and the first one.
func (r *Refusal) Summary() string {
	if len(r.Mistakes) == 1 {
		return r.Mistakes[0]
	}
	return fmt.Sprintf("%d mistakes, the first: %s", len(r.Mistakes), r.Mistakes[0])
}

// Log logs all mistakes as one entry.
func (r *Refusal) Log(log *zap.Logger, message string) {
	log.Error(message, zap.Strings("mistakes", r.Mistakes), zap.String("next", "rowtap check"))
}

// Refused returns why the configuration files were refused when they were last loaded; nil if they
// were not.
func (e *Engine) Refused() *Refusal {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.reloaded.refused
}

// refuse records that the configuration files were refused.
func (e *Engine) refuse(err error) {
	e.mu.Lock()
	at := e.now()
	if before := e.reloaded.refused; before != nil {
		at = before.At
	}
	r := NewRefusal(err, at)
	e.reloaded.refused = r
	e.mu.Unlock()
	r.Log(e.log, "invalid configuration; the current one stays in force")
}

// RefusedMessage returns the message of a daemon that is not ready because its configuration files
// are refused; or, if r is nil, that they no longer are.
func RefusedMessage(r *Refusal, at time.Time) notify.Message {
	c := refusedCondition(r)
	if r != nil {
		c.reason = "it is refused, nothing is polled or sent: " + r.Told()
	}
	return messageOf([]condition{c}, at.UTC())
}

// ofTest matches a mistake in a test case, whose row may be one of a sheet. Its path may have a cell,
// too: of the key "Email asha@example.com", which lacks a colon.
var ofTest = regexp.MustCompile(`(?s)^(.+?:\d+:\d+: tests\b(?:\[\d+\])?).*`)

// Told returns the summary without cells, for notices and the page of a zap file.
func (r *Refusal) Told() string {
	first := *r
	first.Mistakes = slices.Clone(r.Mistakes)
	first.Mistakes[0] = ofTest.ReplaceAllString(first.Mistakes[0], "$1: has a mistake")
	return first.Summary()
}

// refusedCondition returns the condition of the configuration files.
func refusedCondition(r *Refusal) condition {
	c := condition{about: about{trouble: TroubleRefused}, needs: r != nil}
	if r != nil {
		c.reason, c.next = "it is refused, the previous one stays in force: "+r.Told(), r.Hint
	}
	return c
}
