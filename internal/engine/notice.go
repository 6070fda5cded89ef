package engine

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"go.uber.org/zap"

	"github.com/rowtap/rowtap/internal/ledger"
	"github.com/rowtap/rowtap/internal/notify"
	"github.com/rowtap/rowtap/internal/quantity"
)

// noticesShown is the maximum number of conditions in the text of one message.
const noticesShown = 50

// Notice is the body of a webhook request: a text in the form that Slack accepts
// (https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks), and its parts as
// fields. It has no cells of a sheet. If several conditions have changed at once, it has a notice
// for each of them instead of the fields.
type Notice struct {
	Text    string    `json:"text"`
	Kind    string    `json:"kind"` // attention or recovered
	Zap     string    `json:"zap,omitempty"`
	Account string    `json:"account,omitempty"`
	App     string    `json:"app,omitempty"`  // of the account: google_sheets or clevertap
	Host    string    `json:"host,omitempty"` // of a standby
	Trouble Trouble   `json:"trouble,omitempty"`
	Reason  string    `json:"reason,omitempty"`
	Next    string    `json:"next,omitempty"`
	Notices []Notice  `json:"notices,omitempty"` // of several conditions
	At      time.Time `json:"at"`
}

// The kinds of notices.
const (
	kindAttention = "attention"
	kindRecovered = "recovered"
	kindSummary   = "summary"
)

// slackText escapes what Slack interprets as links and mentions
// (https://docs.slack.dev/messaging/formatting-message-text#escaping): a worksheet may be called
// <!channel>.
var slackText = strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;")

// text says that a condition needs attention, why and what to do, or that it no longer does.
func (c condition) text() string {
	switch {
	case c.needs:
	case c.rows > 0: // no more of them than failed_rows
		return c.subject() + " has only " + rowsThat(c.rows, "left that failed", "left that failed")
	default:
		return c.subject() + " " + c.trouble.over()
	}
	return c.subject() + " needs attention: " + c.reason + "\nnext: " + c.step()
}

// step returns what to do.
func (c condition) step() string { return cmp.Or(c.next, "rowtap status") }

// notice returns the notice that a condition needs attention or no longer does.
func (c condition) notice(now time.Time) Notice {
	n := Notice{
		Text: slackText.Replace("rowtap: " + c.text()), Kind: kindRecovered,
		Zap: c.zap, Account: c.account, App: c.app, Host: c.host, Trouble: c.trouble, At: now,
	}
	if c.needs {
		n.Kind, n.Reason, n.Next = kindAttention, c.reason, c.step()
	}
	return n
}

// causesShown is the maximum number of causes of failed rows that a notice lists.
const causesShown = 3

// explained adds codes, columns and counts to the reasons of failed rows. It reads only those, not
// the messages, which may quote a cell. If they cannot be read, the notice is sent without them.
func (e *Engine) explained(ctx context.Context, conditions []condition) []condition {
	conditions = slices.Clone(conditions)
	for i, c := range conditions {
		if !c.needs || c.trouble != TroubleFailed {
			continue
		}
		counts := reasons{}
		err := e.ledger.ScanOutcomes(ctx, c.zap, ledger.Failed, func(d ledger.Delivery) { counts.of(d.Problem.Cause()).Count++ })
		if err != nil {
			if ctx.Err() == nil && !e.faulty(err) {
				e.log.Error("notify: "+err.Error(), zap.Error(err))
			}
			continue
		}
		var parts []string
		all := counts.sorted()
		for _, r := range all[:min(len(all), causesShown)] {
			parts = append(parts, fmt.Sprintf("%s (%s)", r.Text, quantity.Number(int64(r.Count))))
		}
		if len(all) > causesShown {
			parts = append(parts, quantity.Count(len(all)-causesShown, "more cause"))
		}
		conditions[i].reason += ": " + strings.Join(parts, ", ")
	}
	return conditions
}

// messageOf returns one message about conditions that have changed.
func messageOf(changed []condition, now time.Time) notify.Message {
	if len(changed) == 1 {
		c := changed[0]
		m := notify.Message{Subject: "rowtap: " + c.text(), Text: c.text(), Body: c.notice(now)}
		if c.needs {
			m.Subject = "rowtap: " + c.subject() + " needs attention"
		}
		return m
	}
	n := Notice{Kind: kindRecovered, At: now}
	text, notices := listed(changed, now)
	n.Notices = notices
	over := 0
	for _, c := range changed {
		if !c.needs {
			over++
		}
	}
	var heads []string
	if needs := len(changed) - over; needs > 0 {
		n.Kind = kindAttention
		heads = append(heads, needAttention(needs))
	}
	if over > 0 {
		heads = append(heads, quantity.Count(over, "item")+" ha"+plural(over, "s", "ve")+" recovered")
	}
	head := strings.Join(heads, ", ")
	n.Text = slackText.Replace("rowtap: " + head + "\n\n" + text)
	return notify.Message{Subject: "rowtap: " + head, Text: text, Body: n}
}

// listed returns the text of at most noticesShown conditions, and the notices of all.
func listed(conditions []condition, now time.Time) (text string, notices []Notice) {
	var texts []string
	for _, c := range conditions {
		if len(texts) < noticesShown {
			texts = append(texts, c.text())
		}
		notices = append(notices, c.notice(now))
	}
	if more := len(conditions) - len(texts); more > 0 {
		texts = append(texts, fmt.Sprintf("… and %d more\nnext: rowtap status", more))
	}
	return strings.Join(texts, "\n\n"), notices
}

// needAttention says that n items need attention.
func needAttention(n int) string {
	return quantity.Count(n, "item") + " need" + plural(n, "s", "") + " attention"
}

// plural returns the form of a word for a number.
func plural(n int, one, many string) string {
	if n == 1 {
		return one
	}
	return many
}
