package ledger

import (
	"errors"
	"syscall"
	"testing"
)

// TestNoRoom: a full disk and a failing one are told apart, by bbolt's words too.
func TestNoRoom(t *testing.T) {
	other := errors.New("anything else")
	tests := []struct{ err, want error }{
		{nil, nil},
		{other, other},
		{syscall.ENOSPC, ErrNoRoom},
		{errors.New("file resize error: " + syscall.ENOSPC.Error()), ErrNoRoom},
		{errors.New("file sync error: " + syscall.ENOSPC.Error()), ErrNoRoom},
		{syscall.EIO, ErrDisk},
		{errors.New("file sync error: " + syscall.EIO.Error()), ErrDisk},
	}
	for _, tt := range tests {
		got := noRoom(tt.err)
		if !errors.Is(got, tt.want) || errors.Is(tt.want, ErrDisk) && errors.Is(got, ErrNoRoom) {
			t.Errorf("%v: got %v, want %v", tt.err, got, tt.want)
		}
	}
}
