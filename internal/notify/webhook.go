package notify

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"github.com/rowtap/rowtap/internal/config"
	"github.com/rowtap/rowtap/internal/httpclient"
)

// webhook is a URL that gets POST requests.
type webhook config.Secret

// Send posts the body of a message. Redirects are not followed.
func (w webhook) Send(ctx context.Context, m Message) error {
	client := &http.Client{Timeout: 10 * time.Second, CheckRedirect: httpclient.NoRedirect}
	body, err := json.Marshal(m.Body)
	if err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, config.Secret(w).Reveal(), bytes.NewReader(body))
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

// Check does nothing: each request to a webhook is a message.
func (webhook) Check(context.Context) error { return nil }
