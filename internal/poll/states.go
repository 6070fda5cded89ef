package poll

import (
	"context"

	"github.com/rowtap/rowtap/internal/detect"
	"github.com/rowtap/rowtap/internal/ledger"
)

// This file translates between the states of a row in detection and in the ledger, which do not
// import each other. Tests that poll without a [Poller] also use it.

// OpenRows returns the open rows of a zap for detection, by the number of each row's first
// delivery. Queued rows are not among them, because they are sent as found.
func OpenRows(ctx context.Context, l *ledger.Ledger, zapName string) (map[uint64]detect.Open, error) {
	rows, err := l.OpenRows(ctx, zapName)
	if err != nil {
		return nil, err
	}
	open := make(map[uint64]detect.Open, len(rows))
	for first, state := range rows {
		switch state {
		case ledger.Waiting:
			open[first] = detect.OpenWaiting
		case ledger.Held:
			open[first] = detect.OpenHeld
		case ledger.Failed:
			open[first] = detect.OpenFailed
		case ledger.Queued, ledger.Sent, ledger.Validated, ledger.Skipped, ledger.Discarded:
		}
	}
	return open, nil
}

// LedgerState returns the ledger state of a new row.
func LedgerState(s detect.State) ledger.State {
	switch s {
	case detect.Ready:
		return ledger.Queued
	case detect.Waiting:
		return ledger.Waiting
	case detect.Held:
		return ledger.Held
	case detect.Skipped:
		return ledger.Skipped
	}
	return ledger.Held
}
