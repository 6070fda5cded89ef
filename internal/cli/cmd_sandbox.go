package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strconv"

	"github.com/spf13/cobra"
	"go.uber.org/zap"

	"github.com/rowtap/rowtap/internal/sandbox"
	"github.com/rowtap/rowtap/internal/web"
)

func newSandboxCommand() *cobra.Command {
	var o struct {
		listen, key, accountID, passcode string
		reads                            int
	}
	cmd := &cobra.Command{
		Use:   "sandbox",
		Short: "Run emulators of the Sheets and CleverTap APIs",
		Long: "Serves emulators of the Google Sheets API and of CleverTap's upload API on loopback, for trying out configurations. Its page\n" +
			"edits the sheet and shows the records that arrive at CleverTap. The output can be pasted into rowtap.yaml. Nothing leaves\n" +
			"this machine.",
		Example: "  rowtap sandbox --key google.json\n  rowtap sandbox --listen 127.0.0.1:9400",
		RunE: func(cmd *cobra.Command, _ []string) error {
			ctx, stop := interruptible(cmd)
			defer stop()
			s, err := sandbox.New(sandbox.Options{AccountID: o.accountID, Passcode: o.passcode, ReadsPerMinute: o.reads, Page: true})
			if err != nil {
				return err
			}
			if err := s.SeedDemo(); err != nil {
				return err
			}
			return serveSandbox(ctx, s, o.listen, o.key, cmd.OutOrStdout())
		},
	}
	cmd.Flags().StringVar(&o.listen, "listen", "127.0.0.1:9400", "loopback `ADDRESS`")
	cmd.Flags().StringVar(&o.key, "key", "", "write a service account key for the sandbox to this `FILE`; an existing file is replaced only if it is such a key")
	cmd.Flags().StringVar(&o.accountID, "account-id", "", "accepted CleverTap account `ID` (default TEST-000-000-000Z)")
	cmd.Flags().StringVar(&o.passcode, "passcode", "", "accepted CleverTap `PASSCODE` (default SBX-PASS-0000)")
	cmd.Flags().IntVar(&o.reads, "reads-per-minute", 0, "`NUMBER` of Sheets reads allowed per minute (default 60; negative: unlimited)")
	return cmd
}

func serveSandbox(ctx context.Context, s *sandbox.Sandbox, address, keyFile string, out io.Writer) error {
	listener, base, err := listenLoopback(ctx, address)
	if err != nil {
		return err
	}
	context.AfterFunc(ctx, s.Close)
	if keyFile != "" {
		if err := writeKey(s, base, keyFile); err != nil {
			return err
		}
	}
	text, err := sandboxAccounts(s, base, keyFile)
	if err != nil {
		return err
	}
	if _, err := io.WriteString(out, text); err != nil {
		return err
	}
	return web.Serve(ctx, listener, s.Handler(), zap.NewNop())
}

// sandboxAccounts returns the lines of rowtap.yaml that use the sandbox.
func sandboxAccounts(s *sandbox.Sandbox, base, keyFile string) (string, error) {
	key := "google.json # create it: curl -o google.json " + base + "/admin/key"
	if keyFile != "" {
		path, err := filepath.Abs(keyFile)
		if err != nil {
			return "", fmt.Errorf("--key %s: %w", keyFile, err)
		}
		key = strconv.Quote(path)
	}
	id, passcode := s.Credentials()
	return fmt.Sprintf(`# Sandbox at %[1]s/ (page to edit the sheet). For rowtap.yaml:
google_accounts:
  sandbox:
    credentials_file: %[2]s
    endpoint: %[1]s/
clevertap_accounts:
  sandbox:
    account_id: %[3]q
    passcode: %[4]q
    endpoint: %[1]s
# A zap's trigger: {app: google_sheets, event: new_spreadsheet_row, account: sandbox, spreadsheet: demo-signups, worksheet: Signups}
`, base, key, id, passcode), nil
}

// listenLoopback opens a listener on a loopback address, and returns its URL without a trailing
// slash.
func listenLoopback(ctx context.Context, address string) (net.Listener, string, error) {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return nil, "", &exitError{exitUsage, fmt.Errorf("--listen %s: %w\nnext: use --listen HOST:PORT", address, err)}
	}
	if ip := net.ParseIP(host); host != "localhost" && (ip == nil || !ip.IsLoopback()) {
		return nil, "", &exitError{exitUsage, fmt.Errorf("--listen %s: not a loopback address; the sandbox has no access control\nnext: use --listen 127.0.0.1:9400", address)}
	}
	var lc net.ListenConfig
	listener, err := lc.Listen(ctx, "tcp", address)
	if err != nil {
		return nil, "", fmt.Errorf("--listen %s: %w\nnext: use --listen 127.0.0.1:0 for a free port", address, err)
	}
	return listener, "http://" + listener.Addr().String(), nil
}

// writeKey writes a service account key for the sandbox. An existing file is replaced only if it is
// such a key: Google shows each of its own keys only once.
func writeKey(s *sandbox.Sandbox, base, path string) error {
	key, err := s.ServiceAccountKey(base + "/token")
	if err != nil {
		return err
	}
	old, err := os.ReadFile(path)
	switch {
	case err == nil && !sandbox.IsKey(old):
		err = fmt.Errorf("%s exists and is not the key of a sandbox", path)
	case err == nil || errors.Is(err, fs.ErrNotExist):
		if err = os.MkdirAll(filepath.Dir(path), 0o700); err == nil {
			err = os.WriteFile(path, key, 0o600)
		}
	}
	if err != nil {
		return fmt.Errorf("write the sandbox's key: %w\nnext: choose another file for --key", err)
	}
	return nil
}
