package engine

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"go.uber.org/zap"
)

// notifyEvery is how often it is looked whether somebody must be told. What needs attention must do so at two looks in a row:
// a poll that goes wrong once is not worth a message.
const notifyEvery = 5 * time.Second

// Notice is what the webhook gets: a text that Slack and its like show
// (https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks), and its parts as fields.
type Notice struct {
	Text   string `json:"text"`
	Kind   string `json:"kind"` // attention or recovered
	Zap    string `json:"zap,omitempty"`
	Reason string `json:"reason,omitempty"`
	Next   string `json:"next,omitempty"`
}

// notifier tells a webhook once when a zap begins to need attention, and once when it no longer does; never of single rows.
// It forgets what it told when rowtap ends.
type notifier struct {
	engine *Engine
	client *http.Client
	seen   map[string]bool // needed attention at the last look
	told   map[string]bool // of these, the webhook knows
}

func newNotifier(e *Engine) *notifier {
	return &notifier{
		engine: e,
		client: &http.Client{
			Timeout:       10 * time.Second,
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
		seen: map[string]bool{},
		told: map[string]bool{},
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
				n.look(ctx, hook)
			}
		}
	}
}

// look tells the webhook what has changed. What it could not be told is told at the next look.
func (n *notifier) look(ctx context.Context, hook string) {
	st, err := n.engine.Status()
	if err != nil {
		n.engine.log.Error("notify: "+err.Error(), zap.Error(err))
		return
	}
	for _, z := range st.Zaps {
		if z.State == Paused || z.State == NotEnabled {
			continue // an operator knows; what was told stands until it runs again
		}
		reason, next := attention(z)
		needs := reason != ""
		settled := needs == n.seen[z.Zap]
		n.seen[z.Zap] = needs
		if !settled || needs == n.told[z.Zap] {
			continue
		}
		notice := Notice{Kind: "attention", Zap: z.Zap, Reason: reason, Next: next, Text: fmt.Sprintf("rowtap: zap %s needs attention: %s", z.Zap, reason)}
		if next != "" {
			notice.Text += "\nnext: " + next
		}
		if !needs {
			notice = Notice{Kind: "recovered", Zap: z.Zap, Text: "rowtap: zap " + z.Zap + " is well again"}
		}
		if err := n.post(ctx, hook, notice); err != nil {
			n.engine.log.Warn("the webhook of notify could not be told, and will be: "+err.Error(), zap.String("zap", z.Zap))
			continue
		}
		n.told[z.Zap] = needs
	}
}

// attention returns why a zap needs somebody's attention, and what to do; "" if it does not.
func attention(z ZapStatus) (reason, next string) {
	switch {
	case z.State == NeedsHand:
		return z.Reason, z.Hint
	case z.Failed > 0:
		return fmt.Sprintf("%d rows failed", z.Failed), "rowtap history " + z.Zap + " --state failed"
	case z.Held > 0:
		return fmt.Sprintf("%d rows are held", z.Held), "rowtap history " + z.Zap + " --state held"
	}
	return "", ""
}

func (n *notifier) post(ctx context.Context, hook string, notice Notice) error {
	body, err := json.Marshal(notice)
	if err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, hook, bytes.NewReader(body))
	if err != nil {
		return errors.New("its address is no URL") // the error would show it
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := n.client.Do(req)
	if wrapped, ok := errors.AsType[*url.Error](err); ok {
		return wrapped.Err // without the URL, which is a secret
	}
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode >= http.StatusMultipleChoices {
		return fmt.Errorf("it answers %s", resp.Status)
	}
	return nil
}
