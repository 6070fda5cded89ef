// Package configs_test checks the deployment examples.
package configs_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"
	"go.yaml.in/yaml/v4"

	"github.com/rowtap/rowtap/internal/plan"
)

// documents decodes a file of several YAML documents.
func documents[T any](t *testing.T, path string) []T {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var all []T
	for d := yaml.NewDecoder(bytes.NewReader(text)); ; {
		var v T
		err := d.Decode(&v)
		if errors.Is(err, io.EOF) {
			return all
		}
		if err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		all = append(all, v)
	}
}

type manifest struct {
	Kind     string
	Metadata struct{ Name string }
	Data     map[string]string
	// For a Secret.
	StringData map[string]string `yaml:"stringData"`
	Spec       struct {
		// For a Deployment.
		Replicas int
		Strategy struct {
			Type          string
			RollingUpdate struct {
				MaxSurge       int  `yaml:"maxSurge"`
				MaxUnavailable *int `yaml:"maxUnavailable"`
			} `yaml:"rollingUpdate"`
		}
		Selector selector
		Template struct {
			Metadata struct{ Labels map[string]string }
			Spec     pod
		}
		// For a PodDisruptionBudget.
		MaxUnavailable int `yaml:"maxUnavailable"`
	}
}

type selector struct {
	MatchLabels map[string]string `yaml:"matchLabels"`
}

type pod struct {
	TerminationGracePeriodSeconds int `yaml:"terminationGracePeriodSeconds"`
	TopologySpreadConstraints     []struct {
		LabelSelector selector `yaml:"labelSelector"`
	} `yaml:"topologySpreadConstraints"`
	InitContainers []container `yaml:"initContainers"`
	Containers     []container
	Volumes        []volume
}

type volume struct {
	Name      string
	ConfigMap struct{ Name string } `yaml:"configMap"`
	Secret    struct {
		SecretName string `yaml:"secretName"`
	}
	PersistentVolumeClaim struct {
		ClaimName string `yaml:"claimName"`
	} `yaml:"persistentVolumeClaim"`
	EmptyDir *struct{} `yaml:"emptyDir"`
}

type container struct {
	RestartPolicy string `yaml:"restartPolicy"`
	Args          []string
	Env           []struct {
		Name, Value string
		ValueFrom   struct {
			SecretKeyRef struct{ Name, Key string } `yaml:"secretKeyRef"`
		} `yaml:"valueFrom"`
	}
	Ports []struct {
		Name          string
		ContainerPort int `yaml:"containerPort"`
	}
	StartupProbe    probe `yaml:"startupProbe"`
	LivenessProbe   probe `yaml:"livenessProbe"`
	ReadinessProbe  probe `yaml:"readinessProbe"`
	SecurityContext struct {
		RunAsNonRoot             bool  `yaml:"runAsNonRoot"`
		ReadOnlyRootFilesystem   bool  `yaml:"readOnlyRootFilesystem"`
		AllowPrivilegeEscalation *bool `yaml:"allowPrivilegeEscalation"`
	} `yaml:"securityContext"`
	VolumeMounts []struct {
		Name      string
		MountPath string `yaml:"mountPath"`
		SubPath   string `yaml:"subPath"`
	} `yaml:"volumeMounts"`
}

type probe struct {
	HTTPGet struct{ Path, Port string } `yaml:"httpGet"`
}

// TestKubernetes loads the configuration of the example as its pod would, and checks that its parts know each other.
func TestKubernetes(t *testing.T) {
	there := manifests(t, "kubernetes.yaml")
	app := there["Deployment/rowtap"].Spec
	if app.Replicas != 1 || app.Strategy.Type != "Recreate" {
		t.Errorf("%d replicas, strategy %s: two rowtaps would send each row twice", app.Replicas, app.Strategy.Type)
	}
	spec := app.Template.Spec
	if len(spec.Containers) != 1 || len(spec.InitContainers) != 0 {
		t.Fatalf("%d containers, %d init containers", len(spec.Containers), len(spec.InitContainers))
	}
	if spec.TerminationGracePeriodSeconds <= 20 {
		t.Errorf("%d seconds are too short for uploads under way", spec.TerminationGracePeriodSeconds)
	}
	c := spec.Containers[0]
	if loaded := there.load(t, spec, c); loaded.Config.State.Postgres.Reveal() != "" {
		t.Error("the state is on PostgreSQL")
	}
	if v := stateVolume(t, spec, c); there["PersistentVolumeClaim/"+v.PersistentVolumeClaim.ClaimName].Kind == "" {
		t.Errorf("the state has no disk: %+v", v)
	}
}

// TestKubernetesSidecar does the same for the patch, with what the application's operator applies first. That it leaves the
// application as it is, is tested in strict/.
func TestKubernetesSidecar(t *testing.T) {
	there := manifests(t, "kubernetes-standby.yaml")
	app := manifests(t, "kubernetes-sidecar.yaml")["Deployment/app"].Spec
	spec := app.Template.Spec
	if app.Replicas != 0 || app.Strategy.Type != "" || spec.TerminationGracePeriodSeconds != 0 || len(spec.Containers) != 0 {
		t.Errorf("the patch changes the application: %+v", app)
	}
	if len(spec.InitContainers) != 1 || spec.InitContainers[0].RestartPolicy != "Always" {
		t.Fatalf("init containers %+v", spec.InitContainers)
	}
	c := spec.InitContainers[0]
	if loaded := there.load(t, spec, c); loaded.Config.State.Postgres.Reveal() == "" {
		t.Error("the state is in a file: replicas of the application would send each row several times")
	}
	if v := stateVolume(t, spec, c); v.EmptyDir == nil {
		t.Errorf("pods cannot share a copy of the state: %+v", v)
	}
}

// TestKubernetesStandby does the same for two replicas, of which one is a standby.
func TestKubernetesStandby(t *testing.T) {
	there := manifests(t, "kubernetes-standby.yaml")
	app := there["Deployment/rowtap"].Spec
	rolling := app.Strategy.RollingUpdate
	if app.Replicas != 2 || app.Strategy.Type != "RollingUpdate" || rolling.MaxSurge < 1 || rolling.MaxUnavailable == nil || *rolling.MaxUnavailable != 0 {
		t.Errorf("%d replicas, strategy %+v: a rollout would leave nobody to take over", app.Replicas, app.Strategy)
	}
	spec := app.Template.Spec
	if len(spec.Containers) != 1 {
		t.Fatalf("%d containers", len(spec.Containers))
	}
	if spec.TerminationGracePeriodSeconds <= 20 {
		t.Errorf("%d seconds are too short for uploads under way", spec.TerminationGracePeriodSeconds)
	}
	c := spec.Containers[0]
	loaded := there.load(t, spec, c)
	if s := loaded.Config.State; s.Postgres.Reveal() != there["Secret/rowtap"].StringData["postgres"] || s.Lease != "production" {
		t.Errorf("the state is on %q, lease %q", s.Postgres.Reveal(), s.Lease)
	}
	if v := stateVolume(t, spec, c); v.EmptyDir == nil {
		t.Errorf("two pods cannot share a copy of the state: %+v", v)
	}
	labels := app.Template.Metadata.Labels
	if len(labels) == 0 || !maps.Equal(labels, app.Selector.MatchLabels) {
		t.Errorf("labels %v, selector %v", labels, app.Selector)
	}
	if len(spec.TopologySpreadConstraints) != 1 || !maps.Equal(spec.TopologySpreadConstraints[0].LabelSelector.MatchLabels, labels) {
		t.Errorf("both pods may run on one node: %+v", spec.TopologySpreadConstraints)
	}
	if budget := there["PodDisruptionBudget/rowtap"].Spec; budget.MaxUnavailable != 1 || !maps.Equal(budget.Selector.MatchLabels, labels) {
		t.Errorf("drained nodes may end both pods at once: %+v", budget)
	}
	for name := range there {
		if strings.HasPrefix(name, "Service/") {
			t.Errorf("%s leads to the standby half of the time", name)
		}
	}
}

// cluster has the objects of a file of manifests by Kind/Name.
type cluster map[string]manifest

func manifests(t *testing.T, path string) cluster {
	t.Helper()
	there := cluster{}
	for _, m := range documents[manifest](t, path) {
		there[m.Kind+"/"+m.Metadata.Name] = m
	}
	return there
}

// load checks rowtap's container and loads its configuration.
func (there cluster) load(t *testing.T, spec pod, c container) *plan.Plan {
	t.Helper()
	if !slices.Equal(c.Args, []string{"run", "--watch"}) {
		t.Errorf("args %q", c.Args)
	}
	if s := c.SecurityContext; !s.RunAsNonRoot || !s.ReadOnlyRootFilesystem || s.AllowPrivilegeEscalation == nil || *s.AllowPrivilegeEscalation {
		t.Errorf("security context %+v", s)
	}
	if len(c.Ports) != 1 || c.Ports[0].ContainerPort != 8321 {
		t.Fatalf("ports %+v", c.Ports)
	}
	for want, got := range map[string]probe{"/healthz": c.LivenessProbe, "/readyz": c.ReadinessProbe} {
		if got.HTTPGet.Path != want || got.HTTPGet.Port != c.Ports[0].Name {
			t.Errorf("probe %+v, want %s", got, want)
		}
	}
	dir, credentials := there.mount(t, spec, c)
	environment := there.environment(t, c)
	if environment["CREDENTIALS_DIRECTORY"] != credentialsPath {
		t.Errorf("the credentials are in %s, and looked for in %s", credentialsPath, environment["CREDENTIALS_DIRECTORY"])
	}
	environment["CREDENTIALS_DIRECTORY"] = credentials
	loaded := load(t, dir, environment)
	if len(loaded.Recipes) != 1 {
		t.Errorf("%d zaps", len(loaded.Recipes))
	}
	return loaded
}

// credentialsPath is where the examples mount the Secret.
const credentialsPath = "/run/credentials"

// mount writes the contents of /etc/rowtap and the credentials to two directories.
func (there cluster) mount(t *testing.T, spec pod, c container) (dir, credentials string) {
	t.Helper()
	dir, credentials = t.TempDir(), t.TempDir()
	for _, mount := range c.VolumeMounts {
		i := slices.IndexFunc(spec.Volumes, func(v volume) bool { return v.Name == mount.Name })
		if i < 0 {
			t.Fatalf("there is no volume for %+v", mount)
		}
		files := there["ConfigMap/"+spec.Volumes[i].ConfigMap.Name].Data
		path, configured := strings.CutPrefix(mount.MountPath, "/etc/rowtap/")
		switch {
		case configured && mount.SubPath != "":
			write(t, filepath.Join(dir, path), files[mount.SubPath])
		case configured:
			for name, text := range files {
				write(t, filepath.Join(dir, path, name), text)
			}
		case mount.MountPath == credentialsPath:
			for name, text := range there["Secret/"+spec.Volumes[i].Secret.SecretName].StringData {
				if name == "google.json" {
					text = googleKey
				}
				write(t, filepath.Join(credentials, name), text)
			}
		case mount.MountPath != "/var/lib/rowtap":
			t.Errorf("nothing is known of %+v from %+v", mount, spec.Volumes[i])
		}
	}
	return dir, credentials
}

// stateVolume returns the volume of the state file.
func stateVolume(t *testing.T, spec pod, c container) volume {
	t.Helper()
	for _, mount := range c.VolumeMounts {
		if i := slices.IndexFunc(spec.Volumes, func(v volume) bool { return v.Name == mount.Name }); i >= 0 && mount.MountPath == "/var/lib/rowtap" {
			return spec.Volumes[i]
		}
	}
	t.Fatal("the state has no volume")
	return volume{}
}

// environment returns the container's variables.
func (there cluster) environment(t *testing.T, c container) map[string]string {
	t.Helper()
	environment := map[string]string{}
	for _, e := range c.Env {
		value := e.Value
		if from := e.ValueFrom.SecretKeyRef; from.Name != "" {
			value = there["Secret/"+from.Name].StringData[from.Key]
		}
		if value == "" {
			t.Errorf("%+v is nowhere", e)
		}
		environment[e.Name] = value
	}
	return environment
}

// googleKey is a valid key.
const googleKey = `{"type": "authorized_user", "client_id": "i", "client_secret": "s", "refresh_token": "t"}`

// load loads a configuration, which must have no warnings and be reachable from outside its
// container.
func load(t *testing.T, dir string, environment map[string]string) *plan.Plan {
	t.Helper()
	loaded := loadPlan(t, dir, environment)
	if len(loaded.Config.Warnings) > 0 || loaded.Config.HTTP.Listen != ":8321" {
		t.Errorf("warnings %v, listens at %s", loaded.Config.Warnings, loaded.Config.HTTP.Listen)
	}
	return loaded
}

func loadPlan(t *testing.T, dir string, environment map[string]string) *plan.Plan {
	t.Helper()
	lookup := func(name string) (string, bool) { value, ok := environment[name]; return value, ok }
	loaded, err := plan.Load(dir, lookup, "rowtap/test")
	if err != nil {
		t.Fatal(err)
	}
	return loaded
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

type compose struct {
	Services map[string]service
	Secrets  map[string]struct{ File string }
	Volumes  map[string]any
}

type service struct {
	Hostname    string
	Image       string
	Command     []string
	Environment map[string]string
	Secrets     []string
	DependsOn   []string `yaml:"depends_on"`
	Volumes     []string
	Ports       []string
	ReadOnly    bool `yaml:"read_only"`
}

func composed(t *testing.T, path string) compose {
	t.Helper()
	all := documents[compose](t, path)
	if len(all) != 1 {
		t.Fatalf("%d documents", len(all))
	}
	return all[0]
}

// check checks the service of a rowtap whose state, or copy of it, is in a volume.
func (f compose) check(t *testing.T, s service, volume string) {
	t.Helper()
	if !slices.Equal(s.Command, []string{"run", "--watch"}) || !s.ReadOnly {
		t.Errorf("%+v", s)
	}
	for _, name := range s.Secrets {
		if f.Secrets[name].File == "" {
			t.Errorf("there is no secret %s", name)
		}
	}
	if _, ok := f.Volumes[volume]; !ok || !slices.Contains(s.Volumes, volume+":/var/lib/rowtap") {
		t.Errorf("the state has no volume: %v, %v", s.Volumes, f.Volumes)
	}
}

func TestCompose(t *testing.T) {
	f := composed(t, "compose.yaml")
	f.check(t, f.Services["rowtap"], "state")
	loaded := f.load(t, "compose.yaml", f.Services["rowtap"], 1)
	f.scraped(t, "compose.yaml", loaded.Config.HTTP.Hosts)
}

// TestComposeStandby loads the configuration that the example asks for, with the variables of its services.
func TestComposeStandby(t *testing.T) {
	f := composed(t, "compose-standby.yaml")
	a, b := f.Services["rowtap-a"], f.Services["rowtap-b"]
	f.check(t, a, "copy-a")
	f.check(t, b, "copy-b")
	if a.Hostname != "rowtap-a" || b.Hostname != "rowtap-b" || len(a.Ports) != 1 || len(b.Ports) != 1 || a.Ports[0] == b.Ports[0] {
		t.Errorf("rowtap-a is %+v, rowtap-b %+v", a, b)
	}
	if !maps.Equal(a.Environment, b.Environment) {
		t.Errorf("rowtap-a has %v, rowtap-b %v", a.Environment, b.Environment)
	}

	loaded := f.load(t, "compose-standby.yaml", a, 2)
	f.scraped(t, "compose-standby.yaml", loaded.Config.HTTP.Hosts)
	state := loaded.Config.State
	dsn, err := pgconn.ParseConfig(state.Postgres.Reveal())
	if err != nil {
		t.Fatal(err)
	}
	server := f.Services[dsn.Host]
	want := map[string]string{"POSTGRES_USER": dsn.User, "POSTGRES_DB": dsn.Database, "POSTGRES_PASSWORD": dsn.Password}
	for name, value := range server.Environment {
		server.Environment[name] = filled(value)
	}
	if !maps.Equal(server.Environment, want) || !slices.Contains(a.DependsOn, dsn.Host) {
		t.Errorf("the server has %v, and rowtap asks for %v", server.Environment, want)
	}
	if mount := "postgres:/var/lib/postgresql/data"; !strings.HasPrefix(server.Image, "postgres:") || !slices.Contains(server.Volumes, mount) {
		t.Errorf("the state has no volume: %+v", server)
	}
}

// load loads the configuration that a file asks for: the example with the lines that the file's head gives, and the variables of a
// service.
func (f compose) load(t *testing.T, path string, s service, lines int) *plan.Plan {
	t.Helper()
	dir, credentials := t.TempDir(), t.TempDir()
	_, head, _ := strings.Cut(read(t, path), "and in conf/rowtap.yaml")
	found := regexp.MustCompile(`(?m)^#   ([a-z]+: \{.*)$`).FindAllStringSubmatch(head, -1)
	if len(found) != lines {
		t.Fatalf("%d lines for rowtap.yaml, want %d", len(found), lines)
	}
	text := read(t, "rowtap.yaml")
	for _, line := range found {
		text += "\n" + line[1] + "\n"
	}
	write(t, filepath.Join(dir, "rowtap.yaml"), text)
	if err := os.CopyFS(filepath.Join(dir, "zaps"), os.DirFS("zaps")); err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(credentials, "google.json"), googleKey)
	write(t, filepath.Join(credentials, "clevertap_passcode"), "passcode")
	environment := map[string]string{}
	for name, value := range s.Environment {
		environment[name] = filled(value)
	}
	if environment["CREDENTIALS_DIRECTORY"] != "/run/secrets" {
		t.Errorf("the secrets are in %s", environment["CREDENTIALS_DIRECTORY"])
	}
	environment["CREDENTIALS_DIRECTORY"] = credentials
	return load(t, dir, environment)
}

// scraped checks that rowtap accepts the names under which Prometheus scrapes it in the recipe of a file's head, and that they are
// services.
func (f compose) scraped(t *testing.T, path string, hosts []string) {
	t.Helper()
	targets := regexp.MustCompile(`"([a-z-]+):8321"`).FindAllStringSubmatch(read(t, path), -1)
	if len(targets) == 0 || len(targets) != len(hosts) {
		t.Errorf("%d targets, hosts %v", len(targets), hosts)
	}
	for _, target := range targets {
		if !slices.Contains(hosts, target[1]) || f.Services[target[1]].Image != "rowtap" {
			t.Errorf("Prometheus scrapes %s; hosts %v", target[1], hosts)
		}
	}
}

// filled puts "NAME" for each variable that compose puts its value for.
func filled(value string) string {
	return regexp.MustCompile(`\$\{([A-Z_]+)[^}]*\}`).ReplaceAllString(value, "$1")
}

// TestDockerfile checks what needs no build: the Go release, the forms of the commands, and that
// .dockerignore includes what is copied.
func TestDockerfile(t *testing.T) {
	text := read(t, "../Dockerfile")
	release := regexp.MustCompile(`(?m)^go (\d+\.\d+)`).FindStringSubmatch(read(t, "../go.mod"))
	if release == nil || !strings.Contains(text, "FROM --platform=$BUILDPLATFORM golang:"+release[1]+" ") {
		t.Errorf("the image is built with another Go than %v", release)
	}
	for _, name := range []string{"HEALTHCHECK .* CMD", "ENTRYPOINT", "CMD"} {
		found := regexp.MustCompile(`(?m)^` + name + ` (.*)$`).FindStringSubmatch(text)
		var words []string
		if found == nil || json.Unmarshal([]byte(found[1]), &words) != nil {
			t.Errorf("%s is not in exec form: %v", name, found)
		}
	}
	for _, want := range []string{"\nFROM gcr.io/distroless/static-debian12:nonroot\n", "\nUSER 65532:65532\n", "\nVOLUME /var/lib/rowtap\n"} {
		if !strings.Contains(text, want) {
			t.Errorf("there is no line %q", strings.TrimSpace(want))
		}
	}
	// What -X sets must be there: the linker ignores other names.
	variables := regexp.MustCompile(`-X github.com/rowtap/rowtap/internal/cli\.(\w+)=\$\{(\w+)\}`).FindAllStringSubmatch(text, -1)
	if len(variables) != 2 {
		t.Errorf("-X sets %v", variables)
	}
	declared := regexp.MustCompile(`(?m)^var release, commit string$`).MatchString(read(t, "../internal/cli/version.go"))
	for _, v := range variables {
		if !declared || v[1] != "release" && v[1] != "commit" || strings.Count(text, "ARG "+v[2]) != 2 {
			t.Errorf("-X sets %s from %s", v[1], v[2])
		}
	}
	for _, name := range []string{"TARGETOS", "TARGETARCH"} {
		if !strings.Contains(text, "ARG "+name) && !strings.Contains(text, " "+name) {
			t.Errorf("there is no ARG %s", name)
		}
	}
	for _, name := range []string{"title", "description", "source", "version", "revision"} {
		if !strings.Contains(text, "org.opencontainers.image."+name+"=") {
			t.Errorf("the image has no label %s", name)
		}
	}
	ignored := read(t, "../.dockerignore")
	for _, want := range []string{
		"\n*\n", "\n!go.mod\n", "\n!go.sum\n", "\n!cmd\n", "\n!internal\n",
		"\n!configs/configs.go\n", "\n!configs/README.md\n", "\n!systemd/systemd.go\n", "\n!systemd/README.md\n",
	} {
		if !strings.Contains(ignored, want) {
			t.Errorf(".dockerignore has no line %q", strings.TrimSpace(want))
		}
	}
}

func read(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// TestAlerts: promtool accepts the alerts, and each fires when it should.
func TestAlerts(t *testing.T) {
	// go test does not see the files that promtool reads, and would otherwise cache the result.
	read(t, "alerts.yaml")
	read(t, "testdata/alerts_test.yaml")
	promtool(t, "check", "rules", "alerts.yaml")
	promtool(t, "test", "rules", "testdata/alerts_test.yaml")
}

// TestGrafana: promtool accepts every query of the dashboard.
func TestGrafana(t *testing.T) {
	var dashboard struct {
		Panels []struct{ Targets []struct{ Expr string } }
	}
	if err := json.Unmarshal([]byte(read(t, "grafana.json")), &dashboard); err != nil {
		t.Fatal(err)
	}
	// Grafana replaces its variables before it queries Prometheus.
	variables := strings.NewReplacer("$__range", "6h", "$__rate_interval", "5m", "$job", ".*", "$zap", ".*")
	type rule struct{ Record, Expr string }
	var rules []rule
	for _, p := range dashboard.Panels {
		for _, target := range p.Targets {
			rules = append(rules, rule{fmt.Sprintf("query_%d", len(rules)), variables.Replace(target.Expr)})
		}
	}
	text, err := yaml.Marshal(map[string]any{"groups": []any{map[string]any{"name": "dashboard", "rules": rules}}})
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "rules.yaml")
	write(t, path, string(text))
	if out := promtool(t, "check", "rules", path); !strings.Contains(out, fmt.Sprintf("%d rules found", len(rules))) {
		t.Errorf("of %d queries promtool found: %s", len(rules), out)
	}
}

// promtool runs promtool and returns its output. With ROWTAP_CI=1, a missing promtool is a failure.
func promtool(t *testing.T, args ...string) string {
	t.Helper()
	path, err := exec.LookPath("promtool")
	if err != nil {
		if os.Getenv("ROWTAP_CI") != "" {
			t.Fatal(err)
		}
		t.Skip(err)
	}
	out, err := exec.CommandContext(t.Context(), path, args...).CombinedOutput()
	if err != nil {
		t.Errorf("promtool %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return string(out)
}
