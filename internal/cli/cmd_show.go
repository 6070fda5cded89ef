package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/url"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/rowtap/rowtap/internal/ledger"
	"github.com/rowtap/rowtap/internal/web/api"
)

func newShowCommand(g *globals) *cobra.Command {
	return &cobra.Command{
		Use:     "show ID",
		Short:   "Show one delivery: cells, record, CleverTap's response",
		Example: "  rowtap show webinar-signups/1042",
		RunE: func(cmd *cobra.Command, args []string) error {
			name, number, err := ledger.ParseID(args[0])
			if err != nil {
				return usage(cmd, err)
			}
			path := fmt.Sprintf("/api/v1/deliveries/%s/%d", url.PathEscape(name), number)
			return with(cmd.Context(), g, func(c *client) error { return show(cmd.Context(), c, g, path, cmd.OutOrStdout()) })
		},
	}
}

func show(ctx context.Context, c *client, g *globals, path string, out io.Writer) error {
	var d api.WholeDelivery
	if err := c.get(ctx, path, &d); err != nil {
		return err
	}
	if g.json {
		return printJSON(out, d)
	}
	at := g.clock(out)
	fmt.Fprintf(out, "%s  row %d, %s, %s\n", d.ID, d.Row, paintedState(out, d.State, 0), d.Action)
	if d.Identity != "" {
		fmt.Fprintf(out, "identity   %s\n", printable(d.Identity))
	}
	fmt.Fprintf(out, "detected   %s\nupdated    %s\nattempts   %d\n", at.shown(&d.DetectedAt), at.shown(&d.UpdatedAt), d.Attempts)
	if d.RetryAt != nil {
		fmt.Fprintf(out, "next try   %s\n", at.shown(d.RetryAt))
	}
	if d.Reason != "" {
		fmt.Fprintf(out, "reason     %s\n", printable(at.text(d.Reason)))
	}
	if d.First != "" {
		fmt.Fprintf(out, "first      %s, the row's delivery for the first action\n", d.First)
	}
	switch {
	case d.Next != "":
		fmt.Fprintf(out, "then       %s, the row's delivery for the next action\n", d.Next)
	case d.Awaits != "":
		fmt.Fprintf(out, "then       %s, after this one is accepted\n", d.Awaits)
	}
	if d.MaybeTwice {
		fmt.Fprintln(out, "           maybe twice: an earlier upload got no conclusive response, but may have arrived")
	}
	if d.Shadow {
		fmt.Fprintln(out, "           shadow mode: validated by CleverTap, not stored")
	}
	for _, e := range d.Errors {
		fmt.Fprintf(out, "error      %s\n", printable(e.Text()))
		if e.Hint != "" {
			fmt.Fprintf(out, "next       %s\n", e.Hint)
		}
	}
	if len(d.Steps) > 0 {
		fmt.Fprint(out, "\nhistory\n")
		for _, s := range d.Steps {
			fmt.Fprintln(out, strings.TrimRight(fmt.Sprintf("  %s  %s  %s", at.shown(&s.At), paintedState(out, s.State, 9), printable(at.text(s.Text))), " "))
		}
	}
	if err := section(out, "cells", d.Cells); err != nil {
		return err
	}
	switch {
	case d.SentRecordNote != "":
		fmt.Fprintf(out, "\nrecord of the last attempt: none: %s\n", d.SentRecordNote)
	case hasRecord(d.SentRecord) && !bytes.Equal(d.SentRecord, d.Record):
		if err := section(out, "record of the last attempt", d.SentRecord); err != nil {
			return err
		}
	}
	switch {
	case d.Unmapped != nil:
		fmt.Fprintln(out)
		for _, e := range d.AllUnmapped {
			fmt.Fprintf(out, "record by the current mapping: none: %s\n", e.Text())
		}
	case !hasRecord(d.Record):
		fmt.Fprint(out, "\nrecord by the current mapping: none: the filter skips the row\n")
	default:
		if err := section(out, "record by the current mapping", d.Record); err != nil {
			return err
		}
	}
	for _, w := range d.Warnings {
		fmt.Fprintf(out, "warning    %s\n", w)
	}
	if d.Answer == nil {
		fmt.Fprint(out, "\nCleverTap's response: none yet\n")
		return nil
	}
	b, err := json.Marshal(struct {
		*api.Answer
		At *time.Time `json:"at,omitempty"` // in the title instead, in the zone of the other times
	}{Answer: d.Answer})
	if err != nil {
		return err
	}
	if err := section(out, "CleverTap's response, "+at.shown(&d.Answer.At), b); err != nil {
		return err
	}
	if d.State == ledger.Sent.String() {
		// https://docs.clevertap.com/docs/error-stream
		fmt.Fprint(out, "\nCleverTap accepted the record. It may still drop values later that the account's schema does not allow,\nwithout an error: see Error Stream in its dashboard.\n")
	}
	return nil
}

// hasRecord reports whether there is a record.
func hasRecord(record json.RawMessage) bool { return len(record) > 0 && string(record) != "null" }

func section(out io.Writer, title string, data json.RawMessage) error {
	var b bytes.Buffer
	if err := json.Indent(&b, data, "", "  "); err != nil {
		return err
	}
	_, err := fmt.Fprintf(out, "\n%s\n%s\n", title, printableLines(b.String()))
	return err
}
