package engine

import (
	"context"
	"strconv"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"go.uber.org/zap"

	"github.com/rowtap/rowtap/internal/ledger"
	"github.com/rowtap/rowtap/internal/plan"
	"github.com/rowtap/rowtap/internal/poll"
)

// metrics are the daemon's Prometheus metrics. Gauges of existing state are read when Prometheus
// scrapes (Collect); only events are counted here.
type metrics struct {
	engine   *Engine
	registry *prometheus.Registry

	polls        *prometheus.CounterVec
	pollSeconds  *prometheus.HistogramVec
	rows         *prometheus.CounterVec
	requests     *prometheus.CounterVec
	requestTimes *prometheus.HistogramVec
	commitTimes  prometheus.Histogram

	mu   sync.Mutex
	read map[string]time.Time // by zap: when its worksheet was last read successfully
}

// Registry returns the daemon's metrics.
func (e *Engine) Registry() *prometheus.Registry { return e.metrics.registry }

func newMetrics(e *Engine) *metrics {
	m := &metrics{
		engine:   e,
		read:     map[string]time.Time{},
		registry: prometheus.NewRegistry(),
		polls: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "rowtap_polls_total", Help: "Polls of a zap's worksheet, by result: ok, partial (the worksheet changed during the read, so only certainly new rows were found), doubt (the read was ignored) or error.",
		}, []string{"zap", "result"}),
		pollSeconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "rowtap_poll_duration_seconds", Help: "Duration of polls.", Buckets: prometheus.ExponentialBuckets(0.01, 4, 8),
		}, []string{"zap"}),
		rows: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "rowtap_rows_total", Help: "Outcomes of deliveries, by the state reached.",
		}, []string{"zap", "outcome"}),
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "rowtap_clevertap_requests_total", Help: "Uploads, by HTTP status of the response; 0 if there was none.",
		}, []string{"account", "code"}),
		requestTimes: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "rowtap_clevertap_request_seconds", Help: "Duration of uploads.", Buckets: prometheus.ExponentialBuckets(0.01, 3, 8),
		}, []string{"account"}),
		commitTimes: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "rowtap_ledger_commit_seconds", Help: "Time to make a poll or the response to an upload durable.",
			Buckets: prometheus.ExponentialBuckets(0.0005, 3, 9),
		}),
	}
	m.registry.MustRegister(m.polls, m.pollSeconds, m.rows, m.requests, m.requestTimes, m.commitTimes, m,
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	if e.opts.Mirror != nil {
		m.registry.MustRegister(e.opts.Mirror)
	}
	return m
}

func (m *metrics) polled(zapName string, began time.Time, report poll.Report, err error) {
	result := "ok"
	switch {
	case err != nil:
		result = "error"
	case report.Doubt != "":
		result = "doubt"
	case report.Partial != "":
		result = "partial"
	default:
		m.mu.Lock()
		m.read[zapName] = m.engine.now()
		m.mu.Unlock()
	}
	m.polls.WithLabelValues(zapName, result).Inc()
	m.pollSeconds.WithLabelValues(zapName).Observe(time.Since(began).Seconds())
}

// lastRead returns when this process last read a zap's worksheet successfully; ok is false if it
// has not.
func (m *metrics) lastRead(zapName string) (at time.Time, ok bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	at, ok = m.read[zapName]
	return at, ok
}

// overdue returns how long the next read of a zap's worksheet has been overdue by its schedule.
func (m *metrics) overdue(r *plan.Recipe, now time.Time) time.Duration {
	last, ok := m.lastRead(r.Name)
	if !ok {
		m.engine.mu.Lock()
		last = m.engine.reloaded.at
		m.engine.mu.Unlock()
	}
	due := r.Schedule.Cron.Next(last)
	if due.IsZero() {
		return 0
	}
	return max(now.Sub(due), 0)
}

func (m *metrics) committed(began time.Time) { m.commitTimes.Observe(time.Since(began).Seconds()) }

func (m *metrics) found(zapName string, c ledger.Poll) {
	for _, n := range c.New {
		if n.State != ledger.Queued {
			m.rows.WithLabelValues(zapName, n.State.String()).Inc()
		}
	}
	m.rows.WithLabelValues(zapName, "found").Add(float64(len(c.New)))
}

func (m *metrics) uploaded(account string, status int, took time.Duration) {
	m.requests.WithLabelValues(account, strconv.Itoa(status)).Inc()
	m.requestTimes.WithLabelValues(account).Observe(took.Seconds())
}

const (
	reloadOKName  = "rowtap_config_last_reload_successful"
	reloadOKHelp  = "1 if the last load of the configuration files succeeded, else 0."
	buildInfoName = "rowtap_build_info"
	buildInfoHelp = "1, labelled with the version."
)

// Metrics that are read when Prometheus scrapes.
var (
	buildInfo     = prometheus.NewDesc(buildInfoName, buildInfoHelp, []string{"version"}, nil)
	reloadOK      = prometheus.NewDesc(reloadOKName, reloadOKHelp, nil, nil)
	reloadAt      = prometheus.NewDesc("rowtap_config_last_reload_success_timestamp_seconds", "Time at which the configuration in force was loaded.", nil, nil)
	zapStateDesc  = prometheus.NewDesc("rowtap_zap_state", "1 for the current state of the zap, 0 for the others.", []string{"zap", "state"}, nil)
	lastSuccess   = prometheus.NewDesc("rowtap_zap_last_success_timestamp_seconds", "Time at which a zap's worksheet was last read successfully.", []string{"zap"}, nil)
	pollOverdue   = prometheus.NewDesc("rowtap_zap_poll_overdue_seconds", "How long the next read of a zap's worksheet has been overdue by its schedule; 0 if it is not, or if the zap is paused or disabled.", []string{"zap"}, nil)
	accountDesc   = prometheus.NewDesc("rowtap_account_state", "1 for the current state of the account, 0 for the others: ok, retrying, or blocked until an operator acts.", []string{"account", "app", "state"}, nil)
	queueRows     = prometheus.NewDesc("rowtap_queue_rows", "Rows queued for CleverTap.", []string{"zap"}, nil)
	queueOldest   = prometheus.NewDesc("rowtap_queue_oldest_seconds", "Time since the oldest queued row was detected; 0 if none is queued.", []string{"zap"}, nil)
	heldRows      = prometheus.NewDesc("rowtap_held_rows", "Rows held for an operator.", []string{"zap"}, nil)
	failedRows    = prometheus.NewDesc("rowtap_failed_rows", "Rows that failed.", []string{"zap"}, nil)
	waitingRows   = prometheus.NewDesc("rowtap_waiting_rows", "Rows that are incomplete or not settled yet.", []string{"zap"}, nil)
	sheetsReads   = prometheus.NewDesc("rowtap_sheets_reads_total", "Requests to the Sheets API, retries included, by result: ok or the kind of error.", []string{"account", "result"}, nil)
	sheetsQuota   = prometheus.NewDesc("rowtap_sheets_quota_used_ratio", "Share of reads_per_minute used in the last minute.", []string{"account"}, nil)
	listeners     = prometheus.NewDesc("rowtap_event_listeners", "Clients that follow the outcomes live, such as rowtap tail.", nil, nil)
	stateBytes    = prometheus.NewDesc("rowtap_state_bytes", "Size of the state file.", nil, nil)
	stateFreeRate = prometheus.NewDesc("rowtap_state_free_ratio", "Share of the state file that is free for reuse.", nil, nil)
)

// Describe implements [prometheus.Collector]. It sends nothing: Collect cannot be called before the
// engine is complete, and the metrics are checked when they are gathered.
func (m *metrics) Describe(chan<- *prometheus.Desc) {}

// Collect implements [prometheus.Collector].
func (m *metrics) Collect(c chan<- prometheus.Metric) {
	gauge := func(d *prometheus.Desc, v float64, labels ...string) {
		c <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, labels...)
	}
	e := m.engine
	gauge(buildInfo, 1, e.opts.Version)
	e.mu.Lock()
	reloaded := e.reloaded
	e.mu.Unlock()
	gauge(reloadOK, oneIf(reloaded.refused == nil))
	gauge(reloadAt, float64(reloaded.at.Unix()))
	gauge(listeners, float64(e.hub.count()))
	if size, free := e.ledger.Size(); size > 0 {
		gauge(stateBytes, float64(size))
		gauge(stateFreeRate, float64(free)/float64(size))
	}
	plan := e.current()
	for name, g := range plan.Google {
		if account := g.Opened(); account != nil {
			used, _ := account.Usage()
			gauge(sheetsQuota, used, name)
			for result, reads := range account.Results() {
				c <- prometheus.MustNewConstMetric(sheetsReads, prometheus.CounterValue, float64(reads), name, result)
			}
		}
	}
	st, err := e.Status(context.Background())
	if err != nil {
		e.log.Error("metrics are incomplete", zap.Error(err))
		return
	}
	for _, a := range st.Accounts {
		for _, s := range []string{"ok", "retrying", "blocked"} {
			gauge(accountDesc, oneIf(a.State == s), a.Account, a.App, s)
		}
	}
	for _, z := range st.Zaps {
		if at, ok := m.lastRead(z.Zap); ok {
			gauge(lastSuccess, float64(at.UnixMilli())/1000, z.Zap)
		}
		if r := plan.Recipe(z.Zap); r != nil {
			overdue := time.Duration(0)
			if z.State == Running || z.State == NeedsHand {
				overdue = m.overdue(r, e.now())
			}
			gauge(pollOverdue, overdue.Seconds(), z.Zap)
		}
		for _, s := range []ZapState{Running, Paused, NeedsHand, NotEnabled} {
			gauge(zapStateDesc, oneIf(z.State == s), z.Zap, string(s))
		}
		gauge(queueRows, float64(z.Queued), z.Zap)
		gauge(heldRows, float64(z.Held), z.Zap)
		gauge(failedRows, float64(z.Failed), z.Zap)
		gauge(waitingRows, float64(z.Waiting), z.Zap)
		gauge(queueOldest, m.oldest(context.Background(), z.Zap), z.Zap)
	}
}

func (m *metrics) oldest(ctx context.Context, zapName string) float64 {
	at, ok, err := m.engine.ledger.OldestQueued(ctx, zapName)
	if err != nil || !ok {
		return 0
	}
	return time.Since(at).Seconds()
}

func oneIf(b bool) float64 {
	if b {
		return 1
	}
	return 0
}
