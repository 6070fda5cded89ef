package cli

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/rowtap/rowtap/internal/clevertap"
	"github.com/rowtap/rowtap/internal/config"
	"github.com/rowtap/rowtap/internal/engine"
	"github.com/rowtap/rowtap/internal/ledger"
	"github.com/rowtap/rowtap/internal/web"
)

// interactive tells whether somebody can answer a question, or watch.
func interactive(stream any) bool {
	f, ok := stream.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

// ask says what would be touched and what CleverTap will make of it, and returns whether to go on.
func ask(ctx context.Context, c *client, cmd *cobra.Command, action engine.Action, sel engine.Selection) (bool, error) {
	list, err := chosen(ctx, c, action, sel)
	if err != nil {
		return false, err
	}
	if len(list) == 0 {
		fmt.Fprintln(cmd.ErrOrStderr(), "nothing to "+string(action))
		return false, nil
	}
	if said := warning(action, sel.Again, list, time.Now()); said != "" {
		fmt.Fprintln(cmd.ErrOrStderr(), said)
	}
	return sure(cmd, fmt.Sprintf("%s %s?", action, counted(len(list), "delivery")))
}

// chosen returns the deliveries that an action would touch.
func chosen(ctx context.Context, c *client, action engine.Action, sel engine.Selection) ([]web.Delivery, error) {
	var chosen []web.Delivery
	states := action.From(sel)
	takes := func(d web.Delivery) bool {
		return slices.ContainsFunc(states, func(s ledger.State) bool {
			return s.String() == d.State && (s != ledger.Skipped || engine.SkippedByOperator(ledger.Delivery{State: s, Reason: d.Reason}))
		})
	}
	for _, id := range sel.IDs {
		name, number, err := ledger.ParseID(id)
		if err != nil {
			return nil, err
		}
		var d web.Delivery
		if err := c.get(ctx, fmt.Sprintf("/api/v1/deliveries/%s/%d", url.PathEscape(name), number), &d); err != nil {
			return nil, err
		}
		if takes(d) {
			chosen = append(chosen, d)
		}
	}
	if len(sel.IDs) > 0 {
		return chosen, nil
	}
	for _, state := range states {
		q := url.Values{"zap": {sel.Zap}, "state": {state.String()}, "limit": {"0"}}
		var list []web.Delivery
		if err := c.get(ctx, "/api/v1/deliveries?"+q.Encode(), &list); err != nil {
			return nil, err
		}
		chosen = append(chosen, slices.DeleteFunc(list, func(d web.Delivery) bool { return !takes(d) })...)
	}
	return chosen, nil
}

// sure asks a question of yes or no.
func sure(cmd *cobra.Command, question string) (bool, error) {
	fmt.Fprint(cmd.ErrOrStderr(), question+" [y/N] ")
	line, err := bufio.NewReader(cmd.InOrStdin()).ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return false, err
	}
	return strings.HasPrefix(strings.ToLower(strings.TrimSpace(line)), "y"), nil
}

// What CleverTap makes of records that come late (https://developer.clevertap.com/docs/events-object, on live campaigns;
// https://developer.clevertap.com/docs/upload-user-profiles-api: an upload sets the properties that it has).
const (
	lateEvents    = "Events older than two hours trigger no live campaign"
	olderProfiles = "A profile row overwrites what its user has now, also newer values from elsewhere."
)

// warning says what CleverTap will make of deliveries that come late.
func warning(action engine.Action, again bool, list []web.Delivery, now time.Time) string {
	if action == engine.Discard {
		return ""
	}
	events, old, profiles, repeated := 0, 0, 0, 0
	for _, d := range list {
		switch {
		case d.Action == string(config.CreateUpdateUserProfile):
			profiles++
			continue
		case d.State == ledger.Sent.String():
			repeated++
		}
		if events++; now.Sub(d.DetectedAt) > clevertap.LiveFor {
			old++
		}
	}
	var said []string
	if events > 0 {
		said = append(said, fmt.Sprintf("%s: of %s, %d came longer ago.", lateEvents, counted(events, "event"), old))
	}
	if repeated > 0 {
		said = append(said, "It counts an event that comes again twice.")
	}
	switch {
	case profiles > 0 && again:
		said = append(said, olderProfiles)
	case profiles > 0:
		said = append(said, olderProfiles+" Those whose user a newer row has updated since are passed over.")
	}
	return strings.Join(said, "\n")
}
