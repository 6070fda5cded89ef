package cli

import (
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/rowtap/rowtap/internal/config"
	"github.com/rowtap/rowtap/internal/plan"
)

// checkFiles checks the YAML only: the result does not depend on variables, which count as not set,
// or on secret files. The package's postinst uses it, because it does not see what drop-ins of the
// unit give the daemon.
func checkFiles(g *globals, out io.Writer) error {
	unset := func(string) (string, bool) { return "", false }
	_, err := plan.Load(g.dir, unset, "rowtap/"+version())
	found, isConfig := errors.AsType[config.Diagnostics](err)
	if err != nil && !isConfig {
		return configError(err, exitUsage)
	}
	wrong := slices.DeleteFunc(slices.Clone(found), func(d config.Diagnostic) bool { return d.Outside })
	switch {
	case g.json:
		if err := printJSON(out, mistakes(wrong, "error")...); err != nil || len(wrong) == 0 {
			return err
		}
		return &exitError{exitUsage, errors.New("")}
	case len(wrong) > 0:
		return configError(wrong, exitUsage)
	}
	_, err = fmt.Fprintln(out, "no mistakes in the files; variables and secret files were not checked")
	return err
}
