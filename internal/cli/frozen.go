package cli

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
)

// changedSecrets returns which of the service's copies of secrets differ from their originals, and
// whether all could be compared: only root can read both.
func changedSecrets(copies []string, originals string) (changed []string, compared bool) {
	compared = true
	for _, path := range copies {
		name := filepath.Base(path)
		used, err := os.ReadFile(path)
		var now []byte
		if err == nil {
			now, err = os.ReadFile(filepath.Join(originals, name))
		}
		if err != nil {
			compared = false
		} else if !bytes.Equal(used, now) {
			changed = append(changed, name)
		}
	}
	return changed, compared
}

// noteSecrets says that the daemon does not use changed secrets until a restart, if that is so or
// cannot be known.
func noteSecrets(to io.Writer, copies []string, originals string) {
	changed, compared := changedSecrets(copies, originals)
	switch {
	case len(changed) > 0:
		fmt.Fprintf(to, "warning: secrets changed since the service started, which still uses the old ones: %s\nnext: systemctl restart rowtap\n",
			strings.Join(changed, ", "))
	case !compared:
		names := make([]string, len(copies))
		for i, path := range copies {
			names[i] = filepath.Base(path)
		}
		fmt.Fprintf(to, "note: the service uses the secrets of its start (%s); if you have changed one: systemctl restart rowtap\n", strings.Join(names, ", "))
	}
}
