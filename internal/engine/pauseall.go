package engine

import (
	"context"
	"time"
)

// PauseAll pauses all zaps that are enabled, for a time or, with 0, until they are resumed. Zaps that
// are paused without a timer keep that pause. It returns the names of the zaps.
func (e *Engine) PauseAll(ctx context.Context, reason string, lasting time.Duration) (paused, kept []string, err error) {
	st, err := e.Status(ctx)
	if err != nil {
		return nil, nil, err
	}
	for _, z := range st.Zaps {
		switch {
		case z.State == NotEnabled:
			continue
		case z.State == Paused && z.ResumeAt == nil:
			kept = append(kept, z.Zap)
			continue
		case lasting == 0:
			err = e.Pause(ctx, z.Zap, reason)
		default:
			_, err = e.PauseFor(ctx, z.Zap, reason, lasting)
		}
		if err != nil {
			return paused, kept, err
		}
		paused = append(paused, z.Zap)
	}
	return paused, kept, nil
}

// ResumeAll resumes all paused zaps. Those that are paused since their state was restored from a
// backup are left alone, and returned, unless restored is set.
func (e *Engine) ResumeAll(ctx context.Context, restored bool) (resumed, left []string, err error) {
	st, err := e.Status(ctx)
	if err != nil {
		return nil, nil, err
	}
	for _, z := range st.Zaps {
		if z.State != Paused {
			continue
		}
		if z.Restored && !restored {
			left = append(left, z.Zap)
			continue
		}
		if err := e.Resume(ctx, z.Zap, false); err != nil {
			return resumed, left, err
		}
		resumed = append(resumed, z.Zap)
	}
	return resumed, left, nil
}
