package engine

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/cenkalti/backoff/v5"
	"go.uber.org/zap"

	"github.com/rowtap/rowtap/internal/httpclient"
)

// notifyEvery is how often conditions are checked. A notice is sent if a condition holds at two
// checks in a row, so a single failed poll causes none.
const notifyEvery = 5 * time.Second

// Notice is the body of a webhook request: a text in the form that Slack accepts
// (https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks), and its parts as
// fields.
type Notice struct {
	Text    string    `json:"text"`
	Kind    string    `json:"kind"` // attention or recovered
	Zap     string    `json:"zap,omitempty"`
	Account string    `json:"account,omitempty"`
	App     string    `json:"app,omitempty"`  // of the account: google_sheets or clevertap
	Host    string    `json:"host,omitempty"` // of a standby
	Trouble Trouble   `json:"trouble"`
	Reason  string    `json:"reason,omitempty"`
	Next    string    `json:"next,omitempty"`
	At      time.Time `json:"at"`
}

// notifier sends a notice to the webhook when a zap or an account begins to need attention, and
// another when it no longer does; never about single rows. It keeps no state across restarts.
// Nothing waits for it: a webhook that is slow or down only delays notices.
type notifier struct {
	engine  *Engine
	told    map[about]bool      // a notice that it needs attention was sent
	changed map[about]time.Time // since when it differs from the last notice

	failures int // of the webhook, in a row
	pauses   *backoff.ExponentialBackOff
	until    time.Time
}

func newNotifier(e *Engine) *notifier {
	pauses := backoff.NewExponentialBackOff()
	pauses.InitialInterval, pauses.MaxInterval = 2*notifyEvery, 5*time.Minute
	return &notifier{
		engine:  e,
		pauses:  pauses,
		told:    map[about]bool{},
		changed: map[about]time.Time{},
	}
}

func (n *notifier) run(ctx context.Context) error {
	tick := time.NewTicker(notifyEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
			if hook := n.engine.Config().Notify.Webhook.Reveal(); hook != "" {
				n.check(ctx, hook)
			}
		}
	}
}

// check sends notices about conditions that have changed. Those that could not be sent are sent at
// a later check.
func (n *notifier) check(ctx context.Context, hook string) {
	conditions, err := n.engine.conditions(ctx)
	if ctx.Err() != nil {
		return
	}
	if err != nil {
		n.engine.log.Error("notify: "+err.Error(), zap.Error(err))
		return
	}
	now := n.engine.now()
	there := map[about]bool{}
	for _, c := range conditions {
		there[c.about] = true
		switch since, otherwise := n.changed[c.about]; {
		case c.unknown, c.needs == n.told[c.about]:
			delete(n.changed, c.about)
		case !otherwise:
			n.changed[c.about] = now
		case c.needs && now.Sub(since) < c.after, now.Before(n.until):
		case n.send(ctx, hook, c, now):
			n.told[c.about] = c.needs
			delete(n.changed, c.about)
		}
	}
	n.forget(there)
}

// forget removes conditions that no longer exist, of zaps and accounts that were removed from the
// configuration.
func (n *notifier) forget(there map[about]bool) {
	for a := range n.told {
		if !there[a] {
			delete(n.told, a)
		}
	}
	for a := range n.changed {
		if !there[a] {
			delete(n.changed, a)
		}
	}
}

// send posts a notice and reports whether the webhook accepted it. After a failure it pauses before
// the next one.
func (n *notifier) send(ctx context.Context, hook string, c condition, now time.Time) bool {
	err := Post(ctx, hook, c.notice(now))
	if err == nil {
		if n.failures > 0 {
			n.engine.log.Info("webhook works again")
		}
		n.failures = 0
		n.pauses.Reset()
		return true
	}
	n.failures++
	n.until = now.Add(n.pauses.NextBackOff())
	if n.failures == 1 && ctx.Err() == nil {
		n.engine.log.Warn("webhook failed; notices are retried", zap.Error(err),
			zap.String("next", "if it persists, correct notify.webhook, then: rowtap reload"))
	}
	return false
}

// Post sends a notice to a webhook. Its errors do not show the URL, which is a secret. Redirects are
// not followed.
func Post(ctx context.Context, hook string, notice Notice) error {
	client := &http.Client{Timeout: 10 * time.Second, CheckRedirect: httpclient.NoRedirect}
	body, err := json.Marshal(notice)
	if err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, hook, bytes.NewReader(body))
	if err != nil {
		return errors.New("notify.webhook is not a URL") // err would show it
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := client.Do(req)
	if wrapped, ok := errors.AsType[*url.Error](err); ok {
		return wrapped.Err // without the URL, which is a secret
	}
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode >= http.StatusMultipleChoices {
		return fmt.Errorf("unexpected status %s", resp.Status)
	}
	return nil
}

// slackText escapes what Slack interprets as links and mentions
// (https://docs.slack.dev/messaging/formatting-message-text#escaping): a worksheet may be called
// <!channel>.
var slackText = strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;")

// notice returns the notice that a condition needs attention or no longer does.
func (c condition) notice(now time.Time) Notice {
	n := Notice{Kind: "recovered", Zap: c.zap, Account: c.account, App: c.app, Host: c.host, Trouble: c.trouble, At: now}
	text := "rowtap: " + c.subject() + " " + c.trouble.over()
	if c.needs {
		n.Kind, n.Reason, n.Next = "attention", c.reason, cmp.Or(c.next, "rowtap status")
		text = "rowtap: " + c.subject() + " needs attention: " + c.reason + "\nnext: " + n.Next
	}
	n.Text = slackText.Replace(text)
	return n
}
