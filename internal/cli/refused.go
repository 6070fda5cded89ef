package cli

import (
	"fmt"
	"io"

	"github.com/rowtap/rowtap/internal/engine"
)

// printRefusal prints why the configuration files are refused while an earlier configuration is in
// force; r is nil if they are not.
func printRefusal(g *globals, r *engine.Refusal, to io.Writer) {
	if r == nil {
		return
	}
	fmt.Fprintf(to, "configuration refused since %s; the previous one stays in force\n", g.clock(to).shown(&r.At))
	for _, m := range r.Mistakes {
		fmt.Fprintln(to, "  "+printable(m))
	}
	fmt.Fprintf(to, "next: %s\n\n", r.Hint)
}
