package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/url"
	"time"

	"github.com/spf13/cobra"

	"github.com/rowtap/rowtap/internal/engine"
)

func newPauseCommand(g *globals) *cobra.Command {
	var reason string
	var all bool
	var lasting time.Duration
	cmd := &cobra.Command{
		Use:   "pause [ZAP…]",
		Short: "Stop polling and sending for zaps until they are resumed",
		Long: "Pauses zaps: they neither poll nor send, over restarts, until rowtap resume. Uploads in flight finish.\n\n" +
			"With --for, the zaps resume automatically after that time, which also passes while rowtap is down. A zap that was paused\n" +
			"before keeps its pause and its reason. --all means every zap that is not disabled.",
		Example: "  rowtap pause webinar-signups --reason 'list is being cleaned'\n  rowtap pause --all --for 1h",
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := checkZaps(cmd, args, all); err != nil {
				return err
			}
			if cmd.Flags().Changed("for") && lasting < time.Second {
				return usage(cmd, errors.New("--for needs a duration of at least 1s, such as 90s or 2h"))
			}
			return with(cmd.Context(), g, func(c *client) error {
				names, err := zapsOf(cmd.Context(), c, args, func(z engine.ZapStatus) bool {
					return z.State == engine.Running || z.State == engine.NeedsHand || z.State == engine.Paused && (z.ResumeAt != nil || lasting > 0)
				})
				if err != nil {
					return err
				}
				body := map[string]string{"reason": reason}
				if lasting > 0 {
					body["for"] = lasting.String()
				}
				return eachZap(cmd, c, names, "pause", body, showState(cmd, g))
			})
		},
	}
	cmd.Flags().StringVar(&reason, "reason", "", "`TEXT` shown in status and on the page")
	cmd.Flags().BoolVar(&all, "all", false, "pause all zaps")
	cmd.Flags().DurationVar(&lasting, "for", 0, "`DURATION` after which the zaps resume, such as 90m or 24h")
	return cmd
}

// checkZaps returns a usage error unless either zaps or --all are given.
func checkZaps(cmd *cobra.Command, args []string, all bool) error {
	switch {
	case all && len(args) > 0:
		return usage(cmd, errors.New("--all and zaps cannot be combined"))
	case !all && len(args) == 0:
		return usage(cmd, &argError{errors.New("missing argument: ZAP, or --all"), "rowtap status"})
	}
	return nil
}

// zapsOf returns the named zaps or, if none is named, those whose status want selects.
func zapsOf(ctx context.Context, c *client, args []string, want func(engine.ZapStatus) bool) ([]string, error) {
	if len(args) > 0 {
		return args, nil
	}
	var st engine.Status
	if err := c.get(ctx, "/api/v1/status", &st); err != nil {
		return nil, err
	}
	var names []string
	for _, z := range st.Zaps {
		if want(z) {
			names = append(names, z.Zap)
		}
	}
	return names, nil
}

// zapDone is the response to an action on a zap.
type zapDone struct {
	Zap      string     `json:"zap"`
	State    string     `json:"state"`
	Kept     bool       `json:"kept,omitempty"` // it was paused before
	Reason   string     `json:"reason,omitempty"`
	ResumeAt *time.Time `json:"resume_at,omitempty"`
}

// showState returns the function that prints the result of a pause or a resume.
func showState(cmd *cobra.Command, g *globals) func(string, zapDone) error {
	out := cmd.OutOrStdout()
	return func(_ string, done zapDone) error {
		if g.json {
			return printJSON(out, done)
		}
		text := fmt.Sprintf("%s is %s", done.Zap, done.State)
		switch {
		case done.Kept:
			text = fmt.Sprintf("%s was paused before, without a timer, and stays so: %s", done.Zap, g.clock(out).text(done.Reason))
		case done.ResumeAt != nil:
			text += " until " + g.clock(out).shown(done.ResumeAt)
		}
		_, err := fmt.Fprintln(out, text)
		return err
	}
}

// eachZap posts an action for each zap, one after the other, and shows the results. A zap that fails
// does not keep the others from theirs; the error is that of the first one.
func eachZap[T any](cmd *cobra.Command, c *client, names []string, verb string, body any, show func(name string, done T) error) error {
	if len(names) == 0 {
		fmt.Fprintln(cmd.ErrOrStderr(), "no zap to "+verb)
		return nil
	}
	var failed error
	for _, name := range names {
		var done T
		if err := c.post(cmd.Context(), "/api/v1/zaps/"+url.PathEscape(name)+"/"+verb, body, &done); err != nil {
			if failed != nil {
				fmt.Fprintln(cmd.ErrOrStderr(), err)
			}
			failed = cmp.Or(failed, err)
			continue
		}
		if err := show(name, done); err != nil {
			return err
		}
	}
	return failed
}
