package web

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"go.uber.org/zap"

	"github.com/rowtap/rowtap/internal/config"
)

// ReadToken reads the API's token from its file. The error is [fs.ErrNotExist] where the file does not exist, and [ErrEmptyToken]
// where it holds nothing, as after a crash on a filesystem that writes the name of a file before its content.
func ReadToken(path string) (config.Secret, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return config.Secret{}, err
	}
	token := strings.TrimSpace(string(b))
	if token == "" {
		return config.Secret{}, ErrEmptyToken
	}
	return config.NewSecret(token), nil
}

// ErrEmptyToken is that of a token file that holds nothing.
var ErrEmptyToken = errors.New("the token file is empty")

// Token returns the API's token. It creates it (32 random bytes in hexadecimal, mode 0600) where the file does not exist, and, with a
// warning, where the file is empty.
func Token(path string, log *zap.Logger) (config.Secret, error) {
	token, err := ReadToken(path)
	switch {
	case err == nil:
		return token, nil
	case errors.Is(err, ErrEmptyToken):
		if target, err := filepath.EvalSymlinks(path); err == nil {
			path = target // a link stays one
		}
		log.Warn("the token file was empty: a new token is created, and browsers have to log in again",
			zap.String("file", path), zap.String("next", "rowtap open"))
	case !errors.Is(err, fs.ErrNotExist):
		return config.Secret{}, fmt.Errorf("token file: %w; next: run the command as a user who may read it, or set ROWTAP_TOKEN", err)
	}
	random := make([]byte, 32)
	_, _ = rand.Read(random) // it never fails
	text := hex.EncodeToString(random)
	if err := writeToken(path, text+"\n"); err != nil {
		return config.Secret{}, fmt.Errorf("token file %s: %w\nnext: make its directory writable for rowtap, or write a random token into it: openssl rand -hex 32", path, err)
	}
	return config.NewSecret(text), nil
}

// writeToken writes the file whole or not at all: a new file, on the disk before it gets its name.
func writeToken(path, text string) error {
	dir := filepath.Dir(path)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	f, err := os.CreateTemp(dir, filepath.Base(path)+".new-*") // mode 0600
	if err != nil {
		return err
	}
	defer func() { _ = os.Remove(f.Name()) }() // it is gone where it was renamed
	_, err = f.WriteString(text)
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	return os.Rename(f.Name(), path)
}
