package engine

import (
	"errors"
	"fmt"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rowtap/rowtap/internal/hint"
	"github.com/rowtap/rowtap/internal/ledger"
	"github.com/rowtap/rowtap/internal/sheets"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"
)

// TestUnwritableIsSaidOnceAMinute has uploads and polls of several zaps fail for a few minutes
// because the disk is full.
func TestUnwritableIsSaidOnceAMinute(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		core, logs := observer.New(zapcore.InfoLevel)
		e := &Engine{log: zap.New(core), opts: Options{Now: wallClock}}
		for second := range 150 {
			for rows := range 3 {
				full := fmt.Errorf("commit %d new rows of zap %d: %w", second, rows, ledger.ErrNoRoom)
				if !e.faulty(full) {
					t.Errorf("%v: not a fault of the state file", full)
				}
				e.unwritable(full)
			}
			<-time.After(time.Second) // by the bubble's clock
		}
		if n := logs.Len(); n != 3 {
			t.Errorf("%d lines in two and a half minutes, want 3", n)
		}
		if all := logs.All(); len(all) > 0 && !strings.Contains(fmt.Sprint(all[0].ContextMap()["next"]), "free some space") {
			t.Errorf("%+v, want a hint", all[0])
		}
	})
}

func TestStateFault(t *testing.T) {
	tests := []struct {
		err   error
		fault bool
		hint  string
	}{
		{fmt.Errorf("commit: %w", ledger.ErrNoRoom), true, "free some space"},
		{fmt.Errorf("commit: %w", ledger.ErrDisk), true, "dmesg"},
		{fmt.Errorf("commit: %w", ledger.ErrMirrorAway), true, "check that PostgreSQL runs"},
		{fmt.Errorf("commit: %w", ledger.ErrNotActive), true, "which machine is active"},
		{fmt.Errorf("commit: %w", ledger.ErrStale), true, "reloads its copy of the state"},
		{fmt.Errorf("write: %w", syscall.EIO), true, "dmesg"},
		{fmt.Errorf("write: %w", syscall.EROFS), true, "writable for rowtap"},
		{&sheets.Error{Err: syscall.EIO, Hint: "the credentials file"}, false, "the credentials file"},
		{errors.New("anything else"), false, ""},
		{nil, false, ""},
	}
	for _, tt := range tests {
		if got, hint := stateFault(tt.err), hint.Of(tt.err); got != tt.fault || !strings.Contains(hint, tt.hint) || (hint == "") != (tt.hint == "") {
			t.Errorf("%v: a fault of the state file: %v, hint %q; want %v, %q", tt.err, got, hint, tt.fault, tt.hint)
		}
	}
}

// TestWhereTheLedgerEndsRunEnds: Run returns the error that ended the ledger, so that the caller
// can continue as a standby. An unavailable PostgreSQL does not end it.
func TestWhereTheLedgerEndsRunEnds(t *testing.T) {
	for _, end := range []error{ledger.ErrNotActive, ledger.ErrStale} {
		r := newRig(t, nil)
		done := make(chan error, 1)
		go func() { done <- r.Run(t.Context()) }()
		r.unwritable(fmt.Errorf("commit: %w", ledger.ErrMirrorAway))
		for range 3 { // several occur at once
			if !r.faulty(fmt.Errorf("commit: %w", end)) {
				t.Errorf("%v: not a fault of the state", end)
			}
		}
		if err := <-done; !errors.Is(err, end) || err.Error() != "commit: "+end.Error() {
			t.Errorf("Run = %v, want %v", err, end)
		}
	}
}

// TestAFailingDiskEndsRun: rowtap waits for disk space, but stops with an error if the disk fails,
// and is restarted.
func TestAFailingDiskEndsRun(t *testing.T) {
	r := newRig(t, nil)
	done := make(chan error, 1)
	go func() { done <- r.Run(t.Context()) }()
	r.unwritable(fmt.Errorf("commit: %w", ledger.ErrNoRoom))
	for range 3 { // several occur at once
		r.unwritable(fmt.Errorf("commit: %w: %w", ledger.ErrDisk, syscall.EIO))
	}
	err := <-done
	if !errors.Is(err, ledger.ErrDisk) || !strings.Contains(err.Error(), "input/output error\nnext: check the disk") {
		t.Errorf("Run = %v, want ErrDisk, its cause and a next step", err)
	}
}
