// Package token keeps the API's token in its file and recognizes requests that carry it.
package token

import (
	"crypto/rand"
	"crypto/subtle"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strings"

	"go.uber.org/zap"

	"github.com/rowtap/rowtap/internal/config"
)

// ErrEmpty is returned for a token file without content.
var ErrEmpty = errors.New("the token file is empty")

// Read reads the token from its file. The error is [fs.ErrNotExist] if there is no file, and
// [ErrEmpty] if it is empty, as after a crash on a filesystem that writes a file's name before its
// content.
func Read(path string) (config.Secret, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return config.Secret{}, err
	}
	token := strings.TrimSpace(string(b))
	if token == "" {
		return config.Secret{}, ErrEmpty
	}
	return config.NewSecret(token), nil
}

// Ensure reads the token, and creates it (32 random bytes in hexadecimal, mode 0600) if the file
// does not exist or is empty. An empty file is logged as a warning.
func Ensure(path string, log *zap.Logger) (config.Secret, error) {
	token, err := Read(path)
	switch {
	case err == nil:
		return token, nil
	case errors.Is(err, ErrEmpty):
		if target, err := filepath.EvalSymlinks(path); err == nil {
			path = target // keep a symlink
		}
		log.Warn("the token file was empty: a new token is created, and browsers have to log in again",
			zap.String("file", path), zap.String("next", "rowtap open"))
	case !errors.Is(err, fs.ErrNotExist):
		return config.Secret{}, fmt.Errorf("token file: %w\nnext: run the command as a user who may read it, or set ROWTAP_TOKEN", err)
	}
	random := make([]byte, 32)
	_, _ = rand.Read(random) // never fails
	text := hex.EncodeToString(random)
	if err := write(path, text+"\n"); err != nil {
		return config.Secret{}, fmt.Errorf("token file %s: %w\n"+
			"next: make its directory writable for rowtap, or write a random token into it: openssl rand -hex 32", path, err)
	}
	return config.NewSecret(text), nil
}

// write writes the file atomically: a new file is synced before it gets its name.
func write(path, text string) error {
	dir := filepath.Dir(path)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	f, err := os.CreateTemp(dir, filepath.Base(path)+".new-*") // mode 0600
	if err != nil {
		return err
	}
	defer func() { _ = os.Remove(f.Name()) }() // fails once it is renamed
	_, err = f.WriteString(text)
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	return os.Rename(f.Name(), path)
}

// Bearer reports whether a request carries the token as Authorization: Bearer.
func Bearer(r *http.Request, token config.Secret) bool {
	given, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	return ok && Equal(strings.TrimSpace(given), token.Reveal())
}

// Equal compares secrets in constant time.
func Equal(a, b string) bool { return subtle.ConstantTimeCompare([]byte(a), []byte(b)) == 1 }
