// Package configs_test checks the examples that are not zaps: those of the surroundings that rowtap runs in.
package configs_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v4"

	"github.com/rowtap/rowtap/internal/plan"
)

// documents decodes a file of YAML documents.
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
	// Of a Secret.
	StringData map[string]string `yaml:"stringData"`
	// Of a Deployment.
	Spec struct {
		Replicas int
		Strategy struct{ Type string }
		Template struct{ Spec pod }
	}
}

type pod struct {
	TerminationGracePeriodSeconds int         `yaml:"terminationGracePeriodSeconds"`
	InitContainers                []container `yaml:"initContainers"`
	Volumes                       []struct {
		Name      string
		ConfigMap struct{ Name string } `yaml:"configMap"`
		Secret    struct {
			SecretName string `yaml:"secretName"`
		}
		PersistentVolumeClaim struct {
			ClaimName string `yaml:"claimName"`
		} `yaml:"persistentVolumeClaim"`
	}
}

type container struct {
	RestartPolicy string `yaml:"restartPolicy"`
	Args          []string
	Ports         []struct {
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

// TestKubernetes loads the configuration of the example as the sidecar would, and checks that its parts know each other.
func TestKubernetes(t *testing.T) {
	there := map[string]manifest{}
	for _, m := range documents[manifest](t, "kubernetes.yaml") {
		there[m.Kind+"/"+m.Metadata.Name] = m
	}
	app := there["Deployment/app"].Spec
	if app.Replicas != 1 || app.Strategy.Type != "Recreate" {
		t.Errorf("%d replicas, strategy %s: two rowtaps would send each row twice", app.Replicas, app.Strategy.Type)
	}
	spec := app.Template.Spec
	if spec.TerminationGracePeriodSeconds <= 20 {
		t.Errorf("%d seconds are too short for uploads under way", spec.TerminationGracePeriodSeconds)
	}
	if len(spec.InitContainers) != 1 {
		t.Fatalf("%d init containers", len(spec.InitContainers))
	}
	c := spec.InitContainers[0]
	if !slices.Equal(c.Args, []string{"run", "--watch"}) || c.RestartPolicy != "Always" {
		t.Errorf("args %q, restart policy %q", c.Args, c.RestartPolicy)
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

	// What is mounted where, and from what.
	dir, credentials := t.TempDir(), t.TempDir()
	for _, mount := range c.VolumeMounts {
		for _, v := range spec.Volumes {
			if v.Name != mount.Name {
				continue
			}
			path, configured := strings.CutPrefix(mount.MountPath, "/etc/rowtap/")
			switch {
			case configured && mount.SubPath != "":
				write(t, filepath.Join(dir, path), there["ConfigMap/"+v.ConfigMap.Name].Data[mount.SubPath])
			case configured:
				for name, text := range there["ConfigMap/"+v.ConfigMap.Name].Data {
					write(t, filepath.Join(dir, path, name), text)
				}
			case mount.MountPath == "/run/credentials":
				for name, text := range there["Secret/"+v.Secret.SecretName].StringData {
					if name == "google.json" {
						text = `{"type": "authorized_user", "client_id": "i", "client_secret": "s", "refresh_token": "t"}`
					}
					write(t, filepath.Join(credentials, name), text)
				}
			case mount.MountPath != "/var/lib/rowtap" || there["PersistentVolumeClaim/"+v.PersistentVolumeClaim.ClaimName].Kind == "":
				t.Errorf("nothing is known of %+v from %+v", mount, v)
			}
		}
	}
	environment := map[string]string{"CREDENTIALS_DIRECTORY": credentials, "CLEVERTAP_ACCOUNT_ID": "TEST-000-000-000Z"}
	lookup := func(name string) (string, bool) { value, ok := environment[name]; return value, ok }
	plan, err := plan.Load(dir, lookup, "rowtap/test")
	if err != nil {
		t.Fatal(err)
	}
	if len(plan.Recipes) != 1 || len(plan.Config.Warnings) > 0 || plan.Config.HTTP.Listen != ":8321" {
		t.Errorf("%d zaps, warnings %v, listens at %s", len(plan.Recipes), plan.Config.Warnings, plan.Config.HTTP.Listen)
	}
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

func TestCompose(t *testing.T) {
	type file struct {
		Services map[string]struct {
			Command  []string
			ReadOnly bool `yaml:"read_only"`
			Secrets  []string
			Volumes  []string
		}
		Secrets map[string]struct{ File string }
		Volumes map[string]any
	}
	all := documents[file](t, "compose.yaml")
	if len(all) != 1 {
		t.Fatalf("%d documents", len(all))
	}
	f := all[0]
	s := f.Services["rowtap"]
	if !slices.Equal(s.Command, []string{"run", "--watch"}) || !s.ReadOnly {
		t.Errorf("%+v", s)
	}
	for _, name := range s.Secrets {
		if f.Secrets[name].File == "" {
			t.Errorf("there is no secret %s", name)
		}
	}
	if _, ok := f.Volumes["state"]; !ok || !slices.Contains(s.Volumes, "state:/var/lib/rowtap") {
		t.Errorf("the state has no volume: %v, %v", s.Volumes, f.Volumes)
	}
}

// TestDockerfile checks what can be without building: the Go release, the forms of its commands, and that .dockerignore lets in what
// is copied.
func TestDockerfile(t *testing.T) {
	text := read(t, "../Dockerfile")
	release := regexp.MustCompile(`(?m)^go (\d+\.\d+)`).FindStringSubmatch(read(t, "../go.mod"))
	if release == nil || !strings.Contains(text, "FROM golang:"+release[1]+" ") {
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
	ignored := read(t, "../.dockerignore")
	for _, want := range []string{"\n*\n", "\n!go.mod\n", "\n!go.sum\n", "\n!cmd\n", "\n!internal\n"} {
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

// TestAlerts: promtool takes the alerts, and each fires when it should. With ROWTAP_CI=1 a missing promtool is a failure.
func TestAlerts(t *testing.T) {
	promtool, err := exec.LookPath("promtool")
	if err != nil {
		if os.Getenv("ROWTAP_CI") != "" {
			t.Fatal(err)
		}
		t.Skip(err)
	}
	for _, args := range [][]string{{"check", "rules", "alerts.yaml"}, {"test", "rules", "testdata/alerts_test.yaml"}} {
		if out, err := exec.CommandContext(t.Context(), promtool, args...).CombinedOutput(); err != nil {
			t.Errorf("promtool %s: %v\n%s", strings.Join(args, " "), err, out)
		}
	}
}
