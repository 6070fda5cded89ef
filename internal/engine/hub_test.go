package engine

import "testing"

// TestListenerKnowsWhatItMissed: a listener that does not keep up gets events in order, and a
// Missed event in place of each gap.
func TestListenerKnowsWhatItMissed(t *testing.T) {
	e := &Engine{hub: newHub()}
	events, cancel := e.Subscribe()
	defer cancel()
	published := uint64(0)
	publish := func(n int) {
		for range n {
			published++
			e.hub.publish(Event{Zap: "a", Number: published})
		}
	}
	got, gaps, dropped, last := 0, 0, 0, uint64(0)
	read := func(n int) {
		t.Helper()
		for range n {
			ev := <-events
			switch {
			case ev.Missed:
				gaps++
				dropped += int(ev.Dropped())
				last = 0
			case last != 0 && ev.Number != last+1:
				t.Fatalf("event %d follows %d without a gap", ev.Number, last)
			default:
				got, last = got+1, ev.Number
			}
		}
	}
	publish(listenerBuffer)
	read(listenerBuffer) // it keeps up
	publish(5 * listenerBuffer)
	read(1)
	publish(3) // no room: the gap is announced
	read(3)
	publish(1) // between the gap and the next one
	publish(listenerBuffer)
	read(len(events))
	publish(1)
	read(1)
	if gaps != 2 || uint64(got) >= published || last != published || uint64(got+dropped) != published {
		t.Errorf("%d of %d events, %d gaps of %d; want 2 gaps with the rest, and the last event", got, published, gaps, dropped)
	}
	e.hub.close()
	if _, ok := <-events; ok {
		t.Error("the channel is still open")
	}
	if late, _ := e.Subscribe(); len(late) != 0 {
		t.Error("a late listener gets an event")
	}
}
