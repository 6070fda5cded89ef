package engine

import (
	"slices"

	"go.uber.org/zap"

	"github.com/rowtap/rowtap/internal/config"
	"github.com/rowtap/rowtap/internal/keyfile"
)

// FrozenSecrets returns the files with secrets of the configuration in force that systemd copied
// when the service started ([keyfile.Frozen]). A reload does not read changed originals.
func (e *Engine) FrozenSecrets() []string { return frozenSecrets(e.current().Config) }

func frozenSecrets(c *config.Config) []string {
	var frozen []string
	for _, a := range c.GoogleAccounts {
		frozen = append(frozen, a.CredentialsFile)
	}
	for _, a := range c.CleverTapAccounts {
		frozen = append(frozen, a.PasscodeFile)
	}
	frozen = slices.DeleteFunc(frozen, func(path string) bool { return !keyfile.Frozen(path) })
	slices.Sort(frozen)
	return slices.Compact(frozen)
}

// warnFrozen logs that a reload does not read changed secrets, if that is so.
func warnFrozen(log *zap.Logger, c *config.Config) {
	if frozen := frozenSecrets(c); len(frozen) > 0 {
		log.Info("secrets of LoadCredential= are copies made when the service started; a changed one needs a restart",
			zap.Strings("files", frozen), zap.String("next", "after a change of a secret: systemctl restart rowtap"))
	}
}
