package engine

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
)

// deployment is an engine and the machines that it is told about.
type deployment struct {
	*hooked
	machines []Machine
	warning  string
}

func newDeployment(t *testing.T) *deployment {
	t.Helper()
	d := &deployment{hooked: newHooked(t, map[string]string{"profiles": profileZap("production")})}
	d.opts.Machines = func() []Machine { return d.machines }
	d.opts.MirrorWarning = func() string { return d.warning }
	d.once(t)
	return d
}

// heard has all machines except the silent ones report now.
func (d *deployment) heard(silent ...string) {
	for i := range d.machines {
		if !slices.Contains(silent, d.machines[i].Host) {
			d.machines[i].Seen = d.now()
		}
	}
}

// passes lets time pass during which all machines except the silent ones report.
func (d *deployment) passes(t *testing.T, span time.Duration, silent ...string) {
	t.Helper()
	for end := d.ahead + span; d.ahead < end; {
		d.ahead += notifyEvery
		d.heard(silent...)
		d.checked(t.Context())
	}
}

// wants compares the notices since the last call, and what readyz reports.
func (d *deployment) wants(t *testing.T, when string, told, degraded []string) {
	t.Helper()
	var got []string
	for _, n := range d.got {
		got = append(got, n.Text)
		if (n.Host != "") != strings.HasPrefix(n.Text, "rowtap: standby ") {
			t.Errorf("%s: %+v does not name its host", when, n)
		}
	}
	d.got = nil
	if diff := cmp.Diff(told, got); diff != "" {
		t.Errorf("%s: told (-want +got):\n%s", when, diff)
	}
	now, err := d.Degraded(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(append([]string{}, degraded...), now); diff != "" {
		t.Errorf("%s: degraded (-want +got):\n%s", when, diff)
	}
}

// TestStandbysNeedAttention: each trouble of a standby causes one notice, with what to do, and one
// when it ends.
func TestStandbysNeedAttention(t *testing.T) {
	d := newDeployment(t)
	since := d.now()
	d.machines = []Machine{
		{Host: "host-a", Address: "127.0.0.1:8321", Active: true, Since: &since, Differs: true, Trouble: "not of the active one"},
		{Host: "host-b", Address: "127.0.0.1:8321"},
		{Host: "host-c", Address: "127.0.0.1:8321"},
	}
	d.passes(t, 5*time.Minute, "host-a") // this one
	d.wants(t, "all is well", nil, nil)

	d.machines[1].Differs = true
	d.passes(t, 5*time.Minute)
	d.wants(t, "another configuration", []string{
		"rowtap: standby host-b needs attention: it runs another configuration\nnext: copy rowtap.yaml and zaps/ to host-b, then on host-b: rowtap reload",
	}, []string{"standby host-b runs another configuration"})

	d.passes(t, 55*time.Second, "host-c")
	d.wants(t, "silent for a moment", nil, []string{"standby host-b runs another configuration"})
	d.passes(t, 15*time.Second, "host-c")
	d.wants(t, "silent for a minute", []string{
		"rowtap: standby host-c needs attention: it has not reported for 1m5s\nnext: on host-c: systemctl status rowtap",
	}, []string{"standby host-b runs another configuration", "standby host-c has not reported for 1m10s"})

	d.machines[1].Differs = false
	d.passes(t, time.Minute, "host-c")
	d.passes(t, time.Minute)
	d.wants(t, "both have recovered", []string{
		"rowtap: standby host-b runs the same configuration again", "rowtap: standby host-c is back",
	}, nil)

	d.machines[2].Trouble = "its rowtap is older than the state"
	d.passes(t, time.Minute)
	d.wants(t, "it cannot take over", []string{
		"rowtap: standby host-c needs attention: it could not take over: its rowtap is older than the state\nnext: on host-c: rowtap status",
	}, []string{"standby host-c could not take over: its rowtap is older than the state"})

	// The conditions of a silent machine stay as they were; a machine that has left is forgotten.
	d.machines[2].Trouble = ""
	d.passes(t, 2*time.Minute, "host-c")
	d.machines = d.machines[:2]
	d.passes(t, time.Minute)
	d.wants(t, "it has left", []string{
		"rowtap: standby host-c can take over again", "rowtap: standby host-c needs attention: it has not reported for 1m5s\nnext: on host-c: systemctl status rowtap",
	}, nil)
}

// TestMirrorWarning: a PostgreSQL that may lose recorded changes causes one notice, and one when it
// no longer does.
func TestMirrorWarning(t *testing.T) {
	d := newDeployment(t)
	d.warning = "PostgreSQL replicates asynchronously\nnext: set synchronous_standby_names"
	d.passes(t, 5*time.Minute)
	d.wants(t, "asynchronous", []string{
		"rowtap: the state on PostgreSQL needs attention: PostgreSQL replicates asynchronously\nnext: set synchronous_standby_names",
	}, []string{"the state on PostgreSQL: PostgreSQL replicates asynchronously"})
	d.warning = ""
	d.passes(t, time.Minute)
	d.wants(t, "synchronous", []string{"rowtap: the state on PostgreSQL has recovered"}, nil)
}

// TestAMachineIsListedOnce: a process that was killed and restarted is one standby.
func TestAMachineIsListedOnce(t *testing.T) {
	at := func(s int) time.Time { return time.Unix(int64(s), 0) }
	old, young := Machine{Host: "b", Address: "x", Seen: at(1)}, Machine{Host: "b", Address: "x", Seen: at(2)}
	other := Machine{Host: "b", Address: "y", Seen: at(1)}
	a := Machine{Host: "a", Active: true, Seen: at(1)}
	before := Machine{Host: "a", Seen: at(2)} // the active machine's previous process
	for _, tt := range []struct{ all, want []Machine }{
		{nil, nil},
		{[]Machine{a}, nil},
		{[]Machine{a, before}, nil},
		{[]Machine{before, a, old}, []Machine{old}},
		{[]Machine{a, old, young}, []Machine{young}},
		{[]Machine{a, young, old, other}, []Machine{young, other}},
	} {
		if got := standbys(tt.all); !slices.Equal(got, tt.want) {
			t.Errorf("standbys of %+v:\n%+v, want\n%+v", tt.all, got, tt.want)
		}
	}
}

// TestMachinesInStatus: the API's response has them and what is wrong with them, and neither where
// the state is in a file.
func TestMachinesInStatus(t *testing.T) {
	text := func(e *Engine) string {
		st, err := e.Status(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		st.Zaps, st.Accounts = nil, nil
		b, err := json.Marshal(st)
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	r := newRig(t, nil)
	if got, want := text(r.Engine), `{"zaps":null,"accounts":null,"version":"test"}`; got != want {
		t.Errorf("in a file: %s, want %s", got, want)
	}
	since := time.Unix(1, 0).UTC()
	r.opts.Now = func() time.Time { return time.Unix(62, 0).UTC() }
	r.opts.Machines = func() []Machine {
		return []Machine{
			{Host: "a", Address: "127.0.0.1:8321", Version: "1", Active: true, Since: &since, Seen: time.Unix(60, 0).UTC()},
			{Host: "b", LagCommits: 3, Seen: time.Unix(61, 0).UTC(), Differs: true, Trouble: "older"},
		}
	}
	want := `{"zaps":null,"accounts":null,"notes":[` +
		`{"text":"standby b runs another configuration","hint":"copy rowtap.yaml and zaps/ to b, then on b: rowtap reload"},` +
		`{"text":"standby b could not take over: older","hint":"on b: rowtap status"}],"machines":[` +
		`{"host":"a","address":"127.0.0.1:8321","version":"1","active":true,"since":"1970-01-01T00:00:01Z","lag_commits":0,"seen":"1970-01-01T00:01:00Z","differs":false},` +
		`{"host":"b","address":"","version":"","active":false,"since":null,"lag_commits":3,"seen":"1970-01-01T00:01:01Z","differs":true,"trouble":"older"}],"version":"test"}`
	if got := text(r.Engine); got != want {
		t.Errorf("on PostgreSQL: %s, want\n%s", got, want)
	}
}

// TestMirrorMetrics: an active process has them in addition to its own, a standby has only them,
// and counts survive a takeover.
func TestMirrorMetrics(t *testing.T) {
	active := false
	m := NewMirrorMetrics(func() bool { return active }, func() []Machine {
		return []Machine{{Host: "a", Active: true}, {Host: "b", LagCommits: 3}, {Host: "b", Address: "x", LagCommits: 5}, {Host: "c"}}
	})
	refused := true
	standby := m.Registry("test", func() bool { return refused })
	m.Recorded(time.Millisecond)
	r := newRig(t, nil)
	o := r.opts
	o.Mirror = m
	e, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name     string
		registry *prometheus.Registry
		active   bool
		refused  bool
	}{{"standby", standby, false, true}, {"active", e.Registry(), true, false}, {"standby again", standby, false, false}} {
		active, refused = tt.active, tt.refused
		got := samples(t, tt.registry)
		for sample, want := range map[string]float64{
			"rowtap_active{}":                    oneIf(tt.active),
			"rowtap_standby_lag_commits{host=b}": 5,
			"rowtap_standby_lag_commits{host=c}": 0,
			"rowtap_mirror_seconds{}":            1,
			"rowtap_build_info{version=test}":    1,
			"rowtap_standby_lag_commits{host=a}": -1,
			// Of the standby's own files.
			"rowtap_config_last_reload_successful{}": oneIf(!tt.refused),
		} {
			if v, ok := got[sample]; ok != (want >= 0) || ok && v != want {
				t.Errorf("%s: %s is %v (there: %t), want %v", tt.name, sample, v, ok, want)
			}
		}
		if got["go_goroutines{}"] <= 0 || got["process_start_time_seconds{}"] <= 0 {
			t.Errorf("%s: metrics of the process are missing", tt.name)
		}
	}
	for sample := range maps.Keys(gathered(t, r.Engine)) {
		if strings.HasPrefix(sample, "rowtap_active") || strings.HasPrefix(sample, "rowtap_mirror") {
			t.Errorf("%s for a state in a file", sample)
		}
	}
}
