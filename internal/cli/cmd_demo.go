package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"
	"go.uber.org/zap"
	"golang.org/x/sync/errgroup"

	"github.com/rowtap/rowtap/internal/draft"
	"github.com/rowtap/rowtap/internal/ledger"
	"github.com/rowtap/rowtap/internal/mapping"
	"github.com/rowtap/rowtap/internal/row"
	"github.com/rowtap/rowtap/internal/sandbox"
	"github.com/rowtap/rowtap/internal/web"
	"github.com/rowtap/rowtap/internal/web/api"
)

func newDemoCommand() *cobra.Command {
	var o demoOptions
	cmd := &cobra.Command{
		Use:   "demo",
		Short: "Try rowtap with emulated Google Sheets and CleverTap",
		Long: "Runs the daemon against emulators of both APIs in this process, with a page to edit the spreadsheet and to see the\n" +
			"records that arrive at CleverTap. It needs no accounts and no network. All data is removed when it ends.",
		Example: "  rowtap demo\n  rowtap demo --csv signups.csv   # your own rows; append lines to the file to see them sent",
		RunE: func(cmd *cobra.Command, _ []string) error {
			ctx, stop := interruptible(cmd)
			defer stop()
			context.AfterFunc(ctx, stop)
			return demo(ctx, o, cmd.OutOrStdout(), cmd.ErrOrStderr())
		},
	}
	cmd.Flags().StringVar(&o.listen, "listen", "127.0.0.1:9400", "loopback `ADDRESS` of the page (another port if the default is in use)")
	cmd.Flags().StringVar(&o.csv, "csv", "", "serve this CSV `FILE` as the sheet; its first line is the header")
	return cmd
}

type demoOptions struct {
	listen, csv string
}

const (
	demoSheet = "demo-signups"
	demoTab   = "Signups"
)

func demo(ctx context.Context, o demoOptions, out, logTo io.Writer) (err error) {
	dir, err := os.MkdirTemp("", "rowtap-demo-")
	if err != nil {
		return fmt.Errorf("create the demo's directory: %w\nnext: TMPDIR=DIR rowtap demo, where DIR is a writable directory", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()

	listener, base, err := listenLoopback(ctx, o.listen)
	if errors.Is(err, errAddressInUse) && o.listen == "127.0.0.1:9400" {
		listener, base, err = listenLoopback(ctx, "127.0.0.1:0")
	}
	if err != nil {
		return err
	}
	daemon, err := freeAddress(ctx, "127.0.0.1:8321")
	if err != nil {
		return err
	}
	s, err := sandbox.New(sandbox.Options{ReadsPerMinute: -1, Page: true, Link: "http://" + daemon + "/", Notes: demoNotes(daemon)})
	if err != nil {
		return err
	}
	zaps := demoZaps
	tasks, ctx := errgroup.WithContext(ctx)
	if o.csv == "" {
		if err := s.SeedDemo(); err != nil {
			return err
		}
	} else {
		recipe, err := csvZap(o.csv)
		if err != nil {
			return err
		}
		zaps = map[string]string{"csv-rows": recipe}
		if err := errors.Join(s.Sheets().AddSpreadsheet(demoSheet, filepath.Base(o.csv), "Etc/UTC"), s.Sheets().AddWorksheet(demoSheet, demoTab, 0)); err != nil {
			return err
		}
		tasks.Go(func() error { return sandbox.FollowCSV(ctx, s.Sheets(), demoSheet, demoTab, o.csv) })
	}
	context.AfterFunc(ctx, s.Close)
	tasks.Go(func() error { return web.Serve(ctx, listener, s.Handler(), zap.NewNop()) })

	if err := writeDemoConfig(s, dir, base, daemon, zaps); err != nil {
		return err
	}
	command := startedAs(os.Args[0])
	fmt.Fprintf(out, "rowtap demo: %s/\n\n"+
		"  Type rows into the sheet on the left; the records that CleverTap receives appear on the right.\n"+
		"  rowtap's own page for operators: http://%s/\n"+
		"  The daemon's files are in %s and are removed when the demo ends. Query it with\n\n"+
		"    %s status --config %s\n"+
		"    %s history --config %s\n\n"+
		"  Ctrl-C ends the demo.\n\n", base, daemon, dir, command, dir, command, dir)
	tasks.Go(func() error { return run(ctx, &globals{dir: dir, sheetPage: base + "/"}, false, logTo) })
	return tasks.Wait()
}

// startedAs returns the command that starts this program again. A binary built by go run is removed
// when the program ends.
func startedAs(arg string) string {
	if strings.Contains(filepath.ToSlash(arg), "/go-build") {
		return "go run ./cmd/rowtap"
	}
	return arg
}

// demoNotes returns the function by which the sandbox's page lists the rows that the demo's daemon
// has not sent, and why.
func demoNotes(daemon string) sandbox.Notes {
	return func(ctx context.Context) ([]sandbox.Note, error) {
		c, err := dialer("http://" + daemon)
		if err != nil {
			return nil, err
		}
		var notes []sandbox.Note
		for _, state := range []ledger.State{ledger.Failed, ledger.Held, ledger.Waiting} {
			var list []api.Delivery
			if err := c.get(ctx, "/api/v1/deliveries?limit=500&state="+state.String(), &list); err != nil {
				return nil, err
			}
			for _, d := range list {
				notes = append(notes, sandbox.Note{Row: d.Row, Zap: d.Zap, State: d.State, Why: d.Why(), Link: "http://" + daemon + "/deliveries/" + d.ID})
			}
		}
		return notes, nil
	}
}

// freeAddress returns a free loopback address: the given one, or one with another port.
func freeAddress(ctx context.Context, address string) (string, error) {
	l, _, err := listenLoopback(ctx, address)
	if errors.Is(err, errAddressInUse) {
		l, _, err = listenLoopback(ctx, "127.0.0.1:0")
	}
	if err != nil {
		return "", err
	}
	return l.Addr().String(), l.Close()
}

// writeDemoConfig writes the demo's configuration.
func writeDemoConfig(s *sandbox.Sandbox, dir, base, daemon string, zaps map[string]string) error {
	if err := writeKey(s, base, filepath.Join(dir, "google.json")); err != nil {
		return err
	}
	account, passcode := s.Credentials()
	files := map[string]string{
		"passcode": passcode + "\n",
		"rowtap.yaml": fmt.Sprintf(`google_accounts:
  demo:
    credentials_file: google.json
    reads_per_minute: 600
    endpoint: %[1]s/
clevertap_accounts:
  demo:
    account_id: %[2]s
    passcode_file: passcode
    endpoint: %[1]s
state:
  path: %[3]s
http:
  listen: %[4]s
  auth: off
log: {level: info, format: console}
`, base, account, filepath.Join(dir, "rowtap.db"), daemon),
	}
	for name, text := range zaps {
		files["zaps/"+name+".yaml"] = text
	}
	for name, text := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			return fmt.Errorf("write the demo's configuration: %w", err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			return fmt.Errorf("write the demo's configuration: %w", err)
		}
	}
	return nil
}

const demoTrigger = `enabled: true
schedule: "@every 1s"
trigger:
  app: google_sheets
  event: new_spreadsheet_row
  account: demo
  spreadsheet: demo-signups
  worksheet: Signups
  start: beginning
`

// demoZaps are the zaps of the demo's own spreadsheet: each row becomes a profile, and each row
// with consent also an event.
var demoZaps = map[string]string{
	"signup-profiles": demoTrigger + `action:
  app: clevertap
  event: create_update_user_profile
  account: demo
  identity: "{{Email}}"
  properties:
    Name: "{{First name}} {{Last name}}"
    Email: "{{Email}}"
    Phone: {value: "{{Mobile}}", type: phone, country: IN}
    Country: "{{Country}}"
    Score: "{{Score}}"
    Tier: "{{ Score != nil && Score > 60 ? 'gold' : 'basic' }}"
    Signed up: {value: "{{Timestamp}}", type: date}
    Source: webinar
`,
	"signup-events": demoTrigger + `filter: Consent == "Yes"
action:
  app: clevertap
  event: upload_event
  account: demo
  identity: "{{Email}}"
  event_name: Webinar Signup
  properties:
    Country: "{{Country}}"
    Score: "{{Score}}"
`,
}

// csvZap returns a zap file for a CSV file. It sends every column under its own name. The identity
// is the column that rowtap new would suggest, or else the first.
func csvZap(path string) (string, error) {
	shown, err := sandbox.ShownCSV(path)
	if err != nil {
		return "", &exitError{exitUsage, fmt.Errorf("--csv: %w\nnext: rowtap demo --csv FILE, a CSV file with a header line", err)}
	}
	lines := make([]row.Row, len(shown))
	for i, texts := range shown {
		lines[i].Number = i + 1
		for _, text := range texts {
			lines[i].Cells = append(lines[i].Cells, row.TextCell(text))
		}
	}
	header := row.NewHeader(lines[0].Cells)
	identity, ok := draft.Identity(header, lines[1:min(len(lines), 1+sampledForNew)])
	if !ok {
		identity = 0
	}
	template := mapping.ColumnTemplate(header, identity)
	if template == "" { // a name that no mapping can use
		template = "{{" + row.Letter(identity) + "}}"
	}
	return demoTrigger + fmt.Sprintf(`action:
  app: clevertap
  event: create_update_user_profile
  account: demo
  identity: %q
  properties: all
`, template), nil
}
