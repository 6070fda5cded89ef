package engine

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
)

// unseenFor is how long a standby may be silent before it needs attention.
const unseenFor = time.Minute

// Machine is one of the machines that take turns with a state on PostgreSQL.
type Machine struct {
	Host       string     `json:"host"`
	Address    string     `json:"address"` // where its API listens; "": nowhere
	Version    string     `json:"version"`
	Active     bool       `json:"active"` // it polls and sends; the others stand by
	Since      *time.Time `json:"since"`  // when it became active, UTC; nil for a standby
	LagCommits uint64     `json:"lag_commits"`
	Seen       time.Time  `json:"seen"`              // when it last reported; UTC
	Differs    bool       `json:"differs"`           // its configuration differs from the active machine's
	Trouble    string     `json:"trouble,omitempty"` // why it cannot take over; "": it can
}

// machines returns the machines that serve the state on PostgreSQL.
func (e *Engine) machines() []Machine {
	if e.opts.Machines == nil {
		return nil
	}
	return e.opts.Machines()
}

// standbys returns the machines that are not active, each once: the previous process on a machine
// may still be listed.
func standbys(machines []Machine) []Machine {
	type place struct{ host, address string }
	last := map[place]Machine{}
	for _, m := range machines {
		at := place{m.Host, m.Address}
		if before, again := last[at]; !again || m.Active || !before.Active && m.Seen.After(before.Seen) {
			last[at] = m
		}
	}
	return slices.DeleteFunc(slices.Clone(machines), func(m Machine) bool { return m.Active || last[place{m.Host, m.Address}] != m })
}

// mirrorConditions returns the conditions of the standbys among machines, and of PostgreSQL itself
// if it works but may lose the state.
func (e *Engine) mirrorConditions(machines []Machine) []condition {
	var all []condition
	for _, m := range standbys(machines) {
		all = append(all, m.conditions(e.now())...)
	}
	if e.opts.MirrorWarning != nil {
		reason, next, _ := strings.Cut(e.opts.MirrorWarning(), "\nnext: ")
		all = append(all, condition{about: about{trouble: TroubleReplication}, needs: reason != "", reason: reason, next: next})
	}
	return all
}

// conditions returns the conditions of a standby. If it is silent, the other conditions keep their
// last state.
func (m Machine) conditions(now time.Time) []condition {
	quiet := now.Sub(m.Seen)
	unseen := quiet >= unseenFor
	of := func(t Trouble, needs bool, reason, next string) condition {
		return condition{
			about: about{host: m.Host, address: m.Address, trouble: t}, unknown: unseen && t != TroubleUnseen,
			needs: needs, reason: reason, next: next,
		}
	}
	return []condition{
		of(TroubleUnseen, unseen, fmt.Sprintf("it has not reported for %s", quiet.Truncate(time.Second)), "on "+m.Host+": systemctl status rowtap"),
		of(TroubleDiffers, m.Differs, "it runs another configuration", "copy rowtap.yaml and zaps/ to "+m.Host+", then on "+m.Host+": rowtap reload"),
		of(TroubleTakeover, m.Trouble != "", "it could not take over: "+m.Trouble, "on "+m.Host+": rowtap status"),
	}
}

// sentence returns the condition as a sentence.
func (c condition) sentence() string {
	if does, ok := strings.CutPrefix(c.reason, "it "); ok {
		return c.subject() + " " + does
	}
	return c.subject() + ": " + c.reason
}

// MirrorMetrics are the metrics of a process whose state is on PostgreSQL, active or standing by.
// They outlive its engines: each engine registers them with its own metrics ([Options.Mirror]). A
// standby serves Registry.
type MirrorMetrics struct {
	active   func() bool
	machines func() []Machine
	took     prometheus.Histogram
}

// NewMirrorMetrics returns the metrics of a process. active reports whether it is the active one;
// machines returns all of them, like [Options.Machines]. Neither must block.
func NewMirrorMetrics(active func() bool, machines func() []Machine) *MirrorMetrics {
	return &MirrorMetrics{
		active: active, machines: machines,
		took: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "rowtap_mirror_seconds", Help: "Time that PostgreSQL took to record a change of the state, including failed attempts.",
			Buckets: prometheus.ExponentialBuckets(0.0005, 3, 9),
		}),
	}
}

// Recorded observes the time that PostgreSQL took to record a change, or to fail to.
func (m *MirrorMetrics) Recorded(took time.Duration) { m.took.Observe(took.Seconds()) }

// Registry returns the metrics of a standby, which has no engine. Only the active machine has
// metrics about zaps. refused reports whether the configuration files are refused.
func (m *MirrorMetrics) Registry(version string, refused func() bool) *prometheus.Registry {
	build := prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: buildInfoName, Help: buildInfoHelp, ConstLabels: prometheus.Labels{"version": version},
	}, func() float64 { return 1 })
	r := prometheus.NewRegistry()
	r.MustRegister(m, build, LoadedGauge(func() bool { return !refused() }), collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return r
}

// LoadedGauge returns the metric that says whether the configuration files were valid when last
// loaded, for a process without an engine.
func LoadedGauge(valid func() bool) prometheus.Collector {
	return prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: reloadOKName, Help: reloadOKHelp}, func() float64 { return oneIf(valid()) })
}

var (
	activeDesc     = prometheus.NewDesc("rowtap_active", "1 if this process polls and sends, 0 if it stands by.", nil, nil)
	standbyLagDesc = prometheus.NewDesc("rowtap_standby_lag_commits", "Number of changes of the state by which a standby's copy is behind.", []string{"host"}, nil)
)

// Describe implements [prometheus.Collector].
func (m *MirrorMetrics) Describe(c chan<- *prometheus.Desc) {
	c <- activeDesc
	c <- standbyLagDesc
	m.took.Describe(c)
}

// Collect implements [prometheus.Collector].
func (m *MirrorMetrics) Collect(c chan<- prometheus.Metric) {
	c <- prometheus.MustNewConstMetric(activeDesc, prometheus.GaugeValue, oneIf(m.active()))
	lag := map[string]uint64{} // by host: several processes on one host count once
	for _, s := range standbys(m.machines()) {
		lag[s.Host] = max(lag[s.Host], s.LagCommits)
	}
	for host, commits := range lag {
		c <- prometheus.MustNewConstMetric(standbyLagDesc, prometheus.GaugeValue, float64(commits), host)
	}
	m.took.Collect(c)
}
