// Package strict_test decodes the Kubernetes examples as strictly as the API server does: an unknown
// field, a field given twice, or a value of the wrong type is an error.
package strict_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/apimachinery/pkg/util/strategicpatch"
	utilyaml "k8s.io/apimachinery/pkg/util/yaml"
	"sigs.k8s.io/yaml"
)

func decoder(t *testing.T) runtime.Decoder {
	t.Helper()
	scheme := runtime.NewScheme()
	if err := errors.Join(corev1.AddToScheme(scheme), appsv1.AddToScheme(scheme), policyv1.AddToScheme(scheme)); err != nil {
		t.Fatal(err)
	}
	return serializer.NewCodecFactory(scheme, serializer.EnableStrict).UniversalDeserializer()
}

// decode returns the objects of a file.
func decode(t *testing.T, text []byte) ([]runtime.Object, error) {
	t.Helper()
	d := decoder(t)
	var objects []runtime.Object
	for documents := utilyaml.NewDocumentDecoder(io.NopCloser(bytes.NewReader(text))); ; {
		buffer := make([]byte, 1<<20)
		n, err := documents.Read(buffer)
		if errors.Is(err, io.EOF) {
			return objects, nil
		}
		if err != nil {
			return nil, err
		}
		o, _, err := d.Decode(buffer[:n], nil, nil)
		if err != nil {
			return nil, err
		}
		objects = append(objects, o)
	}
}

func TestExamples(t *testing.T) {
	files, err := filepath.Glob("../kubernetes*.yaml")
	if err != nil || len(files) != 3 {
		t.Fatalf("files %v, %v", files, err)
	}
	for _, path := range files {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if objects, err := decode(t, text); err != nil || len(objects) == 0 {
			t.Errorf("%s: %d objects, %v", path, len(objects), err)
		}
		// The test would see a mistake.
		if _, err := decode(t, bytes.Replace(text, []byte("restartPolicy:"), []byte("restartPolici:"), 1)); strings.Contains(string(text), "restartPolicy:") && err == nil {
			t.Errorf("%s: an unknown field is accepted", path)
		}
		if _, err := decode(t, bytes.Replace(text, []byte("containerPort: 8321"), []byte(`containerPort: "8321"`), 1)); err == nil {
			t.Errorf("%s: a text is accepted for a number", path)
		}
	}
}

// TestSidecar applies the patch to an application as kubectl does: its containers, volumes, replicas
// and strategy stay.
func TestSidecar(t *testing.T) {
	replicas, surge := int32(3), intstr.FromInt32(2)
	app := appsv1.Deployment{Spec: appsv1.DeploymentSpec{
		Replicas: &replicas,
		Strategy: appsv1.DeploymentStrategy{Type: appsv1.RollingUpdateDeploymentStrategyType, RollingUpdate: &appsv1.RollingUpdateDeployment{MaxSurge: &surge}},
		Template: corev1.PodTemplateSpec{Spec: corev1.PodSpec{
			InitContainers: []corev1.Container{{Name: "migrate", Image: "app:1"}},
			Containers:     []corev1.Container{{Name: "app", Image: "app:1"}},
			Volumes:        []corev1.Volume{{Name: "config"}},
		}},
	}}
	app.Name = "app"
	before, err := json.Marshal(app)
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile("../kubernetes-sidecar.yaml")
	if err != nil {
		t.Fatal(err)
	}
	patch, err := yaml.YAMLToJSONStrict(text)
	if err != nil {
		t.Fatal(err)
	}
	after, err := strategicpatch.StrategicMergePatch(before, patch, appsv1.Deployment{})
	if err != nil {
		t.Fatal(err)
	}
	var patched appsv1.Deployment
	if err := json.Unmarshal(after, &patched); err != nil {
		t.Fatal(err)
	}
	spec := patched.Spec.Template.Spec
	if *patched.Spec.Replicas != replicas || patched.Spec.Strategy.Type != appsv1.RollingUpdateDeploymentStrategyType || *patched.Spec.Strategy.RollingUpdate.MaxSurge != surge {
		t.Errorf("%d replicas, strategy %+v", *patched.Spec.Replicas, patched.Spec.Strategy)
	}
	if len(spec.Containers) != 1 || spec.Containers[0].Name != "app" || len(spec.InitContainers) != 2 || len(spec.Volumes) != 5 || spec.SecurityContext != nil {
		t.Errorf("%d containers, %d init containers, %d volumes, security context %+v", len(spec.Containers), len(spec.InitContainers), len(spec.Volumes), spec.SecurityContext)
	}
	for _, c := range spec.InitContainers {
		if sidecar := c.RestartPolicy != nil && *c.RestartPolicy == corev1.ContainerRestartPolicyAlways; sidecar != (c.Name == "rowtap") {
			t.Errorf("%s: sidecar %t", c.Name, sidecar)
		}
	}
}
