package engine

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/rowtap/rowtap/internal/config"
	"github.com/rowtap/rowtap/internal/plan"
	"github.com/rowtap/rowtap/internal/sandbox"
)

// gathered returns the daemon's samples as name{label=value,…}, sorted by label name, and their
// values.
func gathered(t *testing.T, e *Engine) map[string]float64 {
	t.Helper()
	return samples(t, e.Registry())
}

// samples returns those of a registry.
func samples(t *testing.T, registry *prometheus.Registry) map[string]float64 {
	t.Helper()
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]float64{}
	for _, f := range families {
		for _, m := range f.GetMetric() {
			var labels []string
			for _, l := range m.GetLabel() {
				labels = append(labels, l.GetName()+"="+l.GetValue())
			}
			slices.Sort(labels)
			value := m.GetGauge().GetValue() + m.GetCounter().GetValue() + float64(m.GetHistogram().GetSampleCount())
			all[fmt.Sprintf("%s{%s}", f.GetName(), strings.Join(labels, ","))] = value
		}
	}
	return all
}

// TestMetrics checks the samples of a working zap and of an account that is refused.
func TestMetrics(t *testing.T) {
	r := newRig(t, map[string]string{"good": profileZap("production"), "refused": profileZap("other")})
	if _, err := r.box.Sheets().Append("book", "Signups", []sandbox.Value{sandbox.Text("a@example.com"), sandbox.Number(1)}); err != nil {
		t.Fatal(err)
	}
	r.once(t)
	got := gathered(t, r.Engine)
	for sample, want := range map[string]float64{
		"rowtap_build_info{version=test}":                                          1,
		"rowtap_config_last_reload_successful{}":                                   1,
		"rowtap_zap_state{state=running,zap=good}":                                 1,
		"rowtap_zap_state{state=blocked,zap=refused}":                              1,
		"rowtap_polls_total{result=ok,zap=good}":                                   1,
		"rowtap_poll_duration_seconds{zap=good}":                                   1,
		"rowtap_zap_poll_overdue_seconds{zap=good}":                                0,
		"rowtap_rows_total{outcome=sent,zap=good}":                                 1,
		"rowtap_queue_rows{zap=refused}":                                           1,
		"rowtap_held_rows{zap=good}":                                               0,
		"rowtap_clevertap_requests_total{account=production,code=200}":             1,
		"rowtap_clevertap_request_seconds{account=production}":                     1,
		"rowtap_account_state{account=production,app=clevertap,state=ok}":          1,
		"rowtap_account_state{account=production,app=clevertap,state=blocked}":     0,
		"rowtap_account_state{account=other,app=clevertap,state=blocked}":          1,
		"rowtap_account_state{account=marketing,app=google_sheets,state=ok}":       1,
		"rowtap_account_state{account=marketing,app=google_sheets,state=retrying}": 0,
	} {
		if v, ok := got[sample]; !ok || v != want {
			t.Errorf("%s is %v (there: %t), want %v", sample, v, ok, want)
		}
	}
	for _, sample := range []string{
		"rowtap_zap_last_success_timestamp_seconds{zap=good}", "rowtap_sheets_reads_total{account=marketing,result=ok}",
		"rowtap_sheets_quota_used_ratio{account=marketing}", "rowtap_state_bytes{}", "rowtap_ledger_commit_seconds{}",
		"rowtap_config_last_reload_success_timestamp_seconds{}", "rowtap_queue_oldest_seconds{zap=refused}",
	} {
		if got[sample] <= 0 {
			t.Errorf("%s is %v, want more than 0", sample, got[sample])
		}
	}

	if err := r.box.Sheets().Unshare("book"); err != nil {
		t.Fatal(err)
	}
	r.once(t)
	got = gathered(t, r.Engine)
	if got["rowtap_sheets_reads_total{account=marketing,result=not shared}"] == 0 || got["rowtap_polls_total{result=error,zap=good}"] != 1 {
		t.Errorf("a refused read is not counted: %v", got)
	}
}

// TestExamplesNameMetrics: every metric and label named in configs/alerts.yaml and in
// configs/grafana.json exists, and each panel of the dashboard names at least one.
func TestExamplesNameMetrics(t *testing.T) {
	r := newRig(t, map[string]string{"good": profileZap("production")})
	if _, err := r.box.Sheets().Append("book", "Signups", []sandbox.Value{sandbox.Text("a@example.com"), sandbox.Number(1)}); err != nil {
		t.Fatal(err)
	}
	r.once(t)
	machines := NewMirrorMetrics(func() bool { return true }, func() []Machine { return []Machine{{Host: "b"}} })
	all := samples(t, machines.Registry("test", func() bool { return true }))
	maps.Copy(all, gathered(t, r.Engine))
	labels := map[string]map[string]bool{} // by metric
	for sample := range all {
		name, rest, _ := strings.Cut(sample, "{")
		if labels[name] == nil {
			labels[name] = map[string]bool{"job": true, "instance": true} // Prometheus adds these
		}
		for label := range strings.SplitSeq(strings.TrimSuffix(rest, "}"), ",") {
			key, _, _ := strings.Cut(label, "=")
			labels[name][key] = true
		}
	}
	metric := regexp.MustCompile(`\browtap_[a-z_]+`)
	names := func(expr string) []string {
		found := metric.FindAllString(expr, -1)
		for i, name := range found {
			found[i] = strings.TrimSuffix(name, "_bucket")
			if labels[found[i]] == nil {
				t.Errorf("unknown metric %s in %s", name, expr)
			}
		}
		return found
	}

	alerts, err := os.ReadFile("../../configs/alerts.yaml")
	if err != nil {
		t.Fatal(err)
	}
	if found := names(string(alerts)); len(found) < 8 {
		t.Errorf("alerts.yaml names only %v", found)
	}

	text, err := os.ReadFile("../../configs/grafana.json")
	if err != nil {
		t.Fatal(err)
	}
	var dashboard struct {
		Panels []struct {
			Title   string
			Targets []struct{ Expr, LegendFormat string }
		}
	}
	if err := json.Unmarshal(text, &dashboard); err != nil {
		t.Fatal(err)
	}
	label := regexp.MustCompile(`\{\{(\w+)\}\}|(\w+)=~?"|by \(([\w, ]+)\)`)
	for _, p := range dashboard.Panels {
		for _, target := range p.Targets {
			found := names(target.Expr)
			if len(found) == 0 {
				t.Errorf("panel %s names no metric: %s", p.Title, target.Expr)
				continue
			}
			for _, m := range label.FindAllStringSubmatch(target.Expr+target.LegendFormat, -1) {
				for name := range strings.SplitSeq(m[1]+m[2]+m[3], ", ") {
					if name != "le" && !labels[found[0]][name] {
						t.Errorf("panel %s: %s has no label %s", p.Title, found[0], name)
					}
				}
			}
		}
	}
}

func TestOverdue(t *testing.T) {
	at := func(s string) time.Time {
		t.Helper()
		v, err := time.Parse(time.RFC3339, s)
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	tests := []struct {
		schedule, read, now string // read "": not since 09:00
		want                time.Duration
	}{
		{"*/2 * * * *", "2026-11-25T10:00:01Z", "2026-11-25T10:01:59Z", 0},
		{"*/2 * * * *", "2026-11-25T10:00:01Z", "2026-11-25T10:12:00Z", 10 * time.Minute},
		{"0 9 * * 1-5", "2026-11-27T09:00:01Z", "2026-11-29T23:00:00Z", 0}, // the weekend
		{"0 9 * * 1-5", "2026-11-27T09:00:01Z", "2026-11-30T10:00:00Z", time.Hour},
		{"@every 1h", "", "2026-11-25T09:30:00Z", 0},
		{"@every 1h", "", "2026-11-25T12:00:00Z", 2 * time.Hour},
	}
	for _, tt := range tests {
		cron, err := config.ParseSchedule(tt.schedule)
		if err != nil {
			t.Fatal(err)
		}
		m := &metrics{engine: &Engine{reloaded: reloadState{at: at("2026-11-25T09:00:00Z")}}, read: map[string]time.Time{}}
		if tt.read != "" {
			m.read["z"] = at(tt.read)
		}
		r := &plan.Recipe{Zap: &config.Zap{Name: "z", Schedule: config.Schedule{Text: tt.schedule, Cron: cron}}}
		if got := m.overdue(r, at(tt.now)); got != tt.want {
			t.Errorf("%s, read %s, at %s: overdue for %s, want %s", tt.schedule, tt.read, tt.now, got, tt.want)
		}
	}
}
