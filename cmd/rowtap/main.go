// Command rowtap watches Google Sheets and fires a CleverTap action for every new spreadsheet row.
package main

import (
	"os"
	_ "time/tzdata" // CRON_TZ= and timezone: must work on images without zone files

	"github.com/rowtap/rowtap/internal/cli"
)

func main() {
	os.Exit(cli.Main(os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}
