// Package notify sends notices to operators: to a webhook or by e-mail. It decides neither what to
// tell nor when (package engine does), keeps no state and retries nothing. Its errors contain no
// secrets.
package notify

import (
	"context"

	"github.com/rowtap/rowtap/internal/config"
)

// Message is a notice, or several that were combined.
type Message struct {
	Subject string // one line
	Text    string // lines for people
	Body    any    // what a webhook gets, as JSON
}

// Target is a destination of messages.
type Target interface {
	// Send sends a message. nil means that the other side has accepted it.
	Send(ctx context.Context, m Message) error
	// Check does what Send does except for the message itself, where that is possible.
	Check(ctx context.Context) error
}

// New returns the target of a checked configuration.
func New(n config.Notify) Target {
	if n.Email != nil {
		return email{Email: *n.Email}
	}
	return webhook(n.Webhook)
}
