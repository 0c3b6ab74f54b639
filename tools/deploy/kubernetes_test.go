package deploy

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	policyv1 "k8s.io/api/policy/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/util/intstr"
	"sigs.k8s.io/yaml"
)

const (
	directory = "kubernetes"
	// filesMap is made by a command from the files of Kratos's configuration.
	filesMap    = "kratos-files"
	kratosFiles = "../kratos/config"
)

// manifests are all objects of the directory, decoded as the API server would: a field that it does not know is an error.
type manifests struct {
	namespaces  map[string]corev1.Namespace
	configs     map[string]corev1.ConfigMap
	secrets     map[string]corev1.Secret
	services    map[string]corev1.Service
	deployments map[string]appsv1.Deployment
	jobs        map[string]batchv1.Job
	budgets     map[string]policyv1.PodDisruptionBudget
	ingresses   map[string]networkingv1.Ingress
	policies    map[string]networkingv1.NetworkPolicy
}

// named decodes an object and files it under its name, which nothing else of its kind may have.
func named[T any](t *testing.T, into *map[string]T, document []byte, name string) {
	t.Helper()
	var object T
	if err := yaml.UnmarshalStrict(document, &object, yaml.DisallowUnknownFields); err != nil {
		t.Fatalf("decode %s: %v", name, err)
	}
	if *into == nil {
		*into = map[string]T{}
	}
	if _, twice := (*into)[name]; twice {
		t.Fatalf("%T %s is there twice", object, name)
	}
	(*into)[name] = object
}

func load(t *testing.T) (m manifests) {
	t.Helper()
	var files []string
	for _, pattern := range []string{"*.yaml", "migrate/*.yaml"} {
		found, err := filepath.Glob(filepath.Join(directory, pattern))
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, found...)
	}
	for _, file := range files {
		if filepath.Base(file) == "kustomization.yaml" {
			continue
		}
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for document := range bytes.SplitSeq(text, []byte("\n---\n")) {
			var head struct {
				metav1.TypeMeta   `json:",inline"`
				metav1.ObjectMeta `json:"metadata"`
			}
			if err := yaml.Unmarshal(document, &head); err != nil {
				t.Fatalf("read %s: %v", file, err)
			}
			if head.Kind != "Namespace" && head.Namespace != "twobrains" {
				t.Errorf("%s %s is in namespace %q", head.Kind, head.Name, head.Namespace)
			}
			switch head.APIVersion + " " + head.Kind {
			case "v1 Namespace":
				named(t, &m.namespaces, document, head.Name)
			case "v1 ConfigMap":
				named(t, &m.configs, document, head.Name)
			case "v1 Secret":
				named(t, &m.secrets, document, head.Name)
			case "v1 Service":
				named(t, &m.services, document, head.Name)
			case "apps/v1 Deployment":
				named(t, &m.deployments, document, head.Name)
			case "batch/v1 Job":
				named(t, &m.jobs, document, head.Name)
			case "policy/v1 PodDisruptionBudget":
				named(t, &m.budgets, document, head.Name)
			case "networking.k8s.io/v1 Ingress":
				named(t, &m.ingresses, document, head.Name)
			case "networking.k8s.io/v1 NetworkPolicy":
				named(t, &m.policies, document, head.Name)
			default:
				t.Errorf("%s has a %s %s, which nobody looks at", file, head.APIVersion, head.Kind)
			}
		}
	}
	return m
}

// pods are the templates of all pods, by what makes them.
func (m manifests) pods() map[string]corev1.PodTemplateSpec {
	pods := map[string]corev1.PodTemplateSpec{}
	for name, d := range m.deployments {
		pods["Deployment "+name] = d.Spec.Template
	}
	for name, j := range m.jobs {
		pods["Job "+name] = j.Spec.Template
	}
	return pods
}

// selected are the pods that a selector finds.
func (m manifests) selected(selector map[string]string) (names []string) {
	for name, pod := range m.pods() {
		if labels.SelectorFromSet(selector).Matches(labels.Set(pod.Labels)) {
			names = append(names, name)
		}
	}
	return names
}

// port finds a port of a pod by its name or number.
func port(pod corev1.PodTemplateSpec, wanted intstr.IntOrString) bool {
	for _, c := range pod.Spec.Containers {
		for _, p := range c.Ports {
			if wanted.Type == intstr.String && p.Name == wanted.StrVal || wanted.Type == intstr.Int && p.ContainerPort == wanted.IntVal {
				return true
			}
		}
	}
	return false
}

func TestSelectorsAndPorts(t *testing.T) {
	t.Parallel()
	m := load(t)
	for name, d := range m.deployments {
		if got := m.selected(d.Spec.Selector.MatchLabels); len(got) != 1 || got[0] != "Deployment "+name {
			t.Errorf("Deployment %s selects %v", name, got)
		}
	}
	for name, b := range m.budgets {
		if got := m.selected(b.Spec.Selector.MatchLabels); len(got) != 1 || got[0] != "Deployment "+name {
			t.Errorf("PodDisruptionBudget %s selects %v", name, got)
		}
	}
	for name, s := range m.services {
		found := m.selected(s.Spec.Selector)
		if len(found) != 1 || found[0] != "Deployment "+name {
			t.Fatalf("Service %s selects %v", name, found)
		}
		for _, p := range s.Spec.Ports {
			if !port(m.pods()[found[0]], p.TargetPort) {
				t.Errorf("Service %s: no port %s", name, p.TargetPort.String())
			}
		}
	}
	for name, p := range m.policies {
		if name == "nobody" {
			if len(p.Spec.PodSelector.MatchLabels) != 0 || len(p.Spec.Ingress) != 0 {
				t.Error("NetworkPolicy nobody lets somebody in")
			}
			continue
		}
		found := m.selected(p.Spec.PodSelector.MatchLabels)
		if len(found) != 1 {
			t.Fatalf("NetworkPolicy %s selects %v", name, found)
		}
		for _, rule := range p.Spec.Ingress {
			for _, peer := range rule.From {
				if peer.PodSelector != nil && len(m.selected(peer.PodSelector.MatchLabels)) != 1 {
					t.Errorf("NetworkPolicy %s: %v is nobody", name, peer.PodSelector.MatchLabels)
				}
			}
			if len(rule.From) == 0 || len(rule.Ports) == 0 {
				t.Errorf("NetworkPolicy %s has a rule for everybody or for all ports", name)
			}
			for _, p := range rule.Ports {
				if !port(m.pods()[found[0]], *p.Port) {
					t.Errorf("NetworkPolicy %s: no port %s", name, p.Port.String())
				}
			}
		}
	}
	for name, i := range m.ingresses {
		for _, rule := range i.Spec.Rules {
			for _, path := range rule.HTTP.Paths {
				backend := path.Backend.Service
				if !slices.ContainsFunc(m.services[backend.Name].Spec.Ports, func(p corev1.ServicePort) bool { return p.Name == backend.Port.Name }) {
					t.Errorf("Ingress %s: no port %s of Service %s", name, backend.Port.Name, backend.Name)
				}
				if backend.Name != "twobrains" || backend.Port.Name != "http" {
					t.Errorf("Ingress %s shows Service %s, port %s to the world", name, backend.Name, backend.Port.Name)
				}
			}
		}
	}
}

// admits are the names of pods and namespaces that may reach a port.
func (m manifests) admits(policy, wanted string) (who []string) {
	for _, rule := range m.policies[policy].Spec.Ingress {
		if !slices.ContainsFunc(rule.Ports, func(p networkingv1.NetworkPolicyPort) bool { return p.Port.StrVal == wanted }) {
			continue
		}
		for _, peer := range rule.From {
			if peer.PodSelector != nil {
				who = append(who, m.selected(peer.PodSelector.MatchLabels)...)
			} else {
				who = append(who, "namespace "+peer.NamespaceSelector.MatchLabels[corev1.LabelMetadataName])
			}
		}
	}
	return who
}

func TestWhoReachesWhom(t *testing.T) {
	t.Parallel()
	m := load(t)
	for _, tc := range []struct {
		policy, port string
		who          []string
	}{
		{"kratos", "admin", []string{"Deployment twobrains"}},
		{"kratos", "public", []string{"Deployment twobrains"}},
		{"twobrains", "internal", []string{"namespace monitoring"}},
		{"twobrains", "http", []string{"namespace ingress-nginx", "Deployment kratos"}},
	} {
		if got := m.admits(tc.policy, tc.port); !slices.Equal(got, tc.who) {
			t.Errorf("%s of %s is reached by %v, want %v", tc.port, tc.policy, got, tc.who)
		}
	}
}

func TestPodsAreRestricted(t *testing.T) {
	t.Parallel()
	m := load(t)
	if got := m.namespaces["twobrains"].Labels["pod-security.kubernetes.io/enforce"]; got != "restricted" {
		t.Errorf("the namespace enforces %q", got)
	}
	for name, pod := range m.pods() {
		s := pod.Spec.SecurityContext
		if s == nil || !is(s.RunAsNonRoot) || s.RunAsUser == nil || *s.RunAsUser == 0 || s.SeccompProfile == nil || s.SeccompProfile.Type != corev1.SeccompProfileTypeRuntimeDefault {
			t.Errorf("%s: runs as whom it likes: %+v", name, s)
		}
		if pod.Spec.AutomountServiceAccountToken == nil || *pod.Spec.AutomountServiceAccountToken {
			t.Errorf("%s has a token of the cluster", name)
		}
		for _, c := range pod.Spec.Containers {
			s := c.SecurityContext
			if s == nil || !is(s.ReadOnlyRootFilesystem) || s.AllowPrivilegeEscalation == nil || *s.AllowPrivilegeEscalation ||
				s.Capabilities == nil || !slices.Equal(s.Capabilities.Drop, []corev1.Capability{"ALL"}) || len(s.Capabilities.Add) > 0 {
				t.Errorf("%s: container %s may do what it likes: %+v", name, c.Name, s)
			}
			if c.Resources.Requests.Cpu().IsZero() || c.Resources.Requests.Memory().IsZero() || c.Resources.Limits.Memory().IsZero() {
				t.Errorf("%s: container %s takes what it likes", name, c.Name)
			}
			if strings.Contains(c.Image, ":") {
				t.Errorf("%s: the version of %s is kustomization.yaml's to say", name, c.Image)
			}
		}
	}
}

func is(b *bool) bool { return b != nil && *b }

func TestReferencesAreThere(t *testing.T) {
	t.Parallel()
	m := load(t)
	for name, pod := range m.pods() {
		for _, v := range pod.Spec.Volumes {
			if v.ConfigMap == nil || v.ConfigMap.Name != filesMap {
				t.Errorf("%s has volume %s of something unknown", name, v.Name)
			}
		}
		for _, c := range pod.Spec.Containers {
			for _, from := range c.EnvFrom {
				if from.ConfigMapRef != nil {
					if _, ok := m.configs[from.ConfigMapRef.Name]; !ok {
						t.Errorf("%s: no ConfigMap %s", name, from.ConfigMapRef.Name)
					}
				}
				if from.SecretRef != nil {
					if _, ok := m.secrets[from.SecretRef.Name]; !ok {
						t.Errorf("%s: no Secret %s", name, from.SecretRef.Name)
					}
				}
			}
			for _, e := range c.Env {
				if e.ValueFrom == nil || e.ValueFrom.SecretKeyRef == nil {
					t.Errorf("%s: %s has a value of its own", name, e.Name)
					continue
				}
				ref := e.ValueFrom.SecretKeyRef
				if _, ok := m.secrets[ref.Name].StringData[ref.Key]; !ok {
					t.Errorf("%s: Secret %s has no %s", name, ref.Name, ref.Key)
				}
			}
			for _, probe := range []*corev1.Probe{c.StartupProbe, c.ReadinessProbe, c.LivenessProbe} {
				if probe != nil && !port(pod, probe.HTTPGet.Port) {
					t.Errorf("%s: probe of no port %s", name, probe.HTTPGet.Port.String())
				}
			}
		}
	}
	for name, s := range m.secrets {
		for key, value := range s.StringData {
			if value != "" {
				t.Errorf("Secret %s: %s has a value", name, key)
			}
		}
	}
}

// settings are the names of the server's configuration, as documented, and those of secrets.
func settings(t *testing.T) (known map[string]bool) {
	t.Helper()
	text, err := os.ReadFile("../../docs/configuration.md")
	if err != nil {
		t.Fatal(err)
	}
	known = map[string]bool{}
	for _, found := range regexp.MustCompile("(?m)^\\| `([A-Z0-9_]+)`( \\(secret\\))? \\|").FindAllStringSubmatch(string(text), -1) {
		known[found[1]] = found[2] != ""
	}
	if len(known) < 20 {
		t.Fatalf("docs/configuration.md has %d settings", len(known))
	}
	return known
}

func TestSettingsAreKnown(t *testing.T) {
	t.Parallel()
	m, known := load(t), settings(t)
	for key := range m.configs["twobrains"].Data {
		if secret, ok := known[key]; key != "GOMEMLIMIT" && (!ok || secret) {
			t.Errorf("ConfigMap twobrains: %s is no setting, or a secret", key)
		}
	}
	for key := range m.secrets["twobrains"].StringData {
		if secret, ok := known[key]; !ok || !secret {
			t.Errorf("Secret twobrains: %s is no setting, or no secret", key)
		}
	}
	for _, key := range []string{"PUBLIC_URL", "KRATOS_PUBLIC_URL", "KRATOS_ADMIN_URL", "DATABASE_URL", "DATABASE_OWNER_URL", "MASTER_KEYS", "REDIS_URL", "KRATOS_HOOK_KEY"} {
		_, plain := m.configs["twobrains"].Data[key]
		_, secret := m.secrets["twobrains"].StringData[key]
		if !plain && !secret {
			t.Errorf("%s is missing", key)
		}
	}
	if a, b := m.configs["twobrains"].Data["SESSION_COOKIE"], m.configs["kratos"].Data["SESSION_COOKIE_NAME"]; a != b || !strings.HasPrefix(a, "__Host-") {
		t.Errorf("the session cookie is %q for the server and %q for Kratos", a, b)
	}
}

// Ports and addresses that are written down in several places are the same there.
func TestServerIsWhereItIsLookedFor(t *testing.T) {
	t.Parallel()
	m := load(t)
	settings := m.configs["twobrains"].Data
	server := m.deployments["twobrains"].Spec.Template
	for _, number := range []string{settings["PORT"], strings.TrimPrefix(settings["INTERNAL_LISTEN"], settings["HOST"]+":")} {
		n, err := strconv.Atoi(number)
		if err != nil || !port(server, intstr.FromInt32(int32(n))) {
			t.Errorf("the server listens at %q, which is no port of its container", number)
		}
	}
	for key, portName := range map[string]string{"KRATOS_PUBLIC_URL": "public", "KRATOS_ADMIN_URL": "admin"} {
		if !slices.ContainsFunc(m.services["kratos"].Spec.Ports, func(p corev1.ServicePort) bool {
			return p.Name == portName && settings[key] == fmt.Sprint("http://kratos:", p.Port)
		}) {
			t.Errorf("%s is %s", key, settings[key])
		}
	}
	for _, name := range []string{"kratos.yml", "hook.jsonnet", "identity.schema.json"} {
		if _, err := os.Stat(filepath.Join(kratosFiles, name)); err != nil {
			t.Errorf("the ConfigMap %s lacks %s", filesMap, name)
		}
	}
	text, err := os.ReadFile(filepath.Join(kratosFiles, "kratos.yml"))
	if err != nil {
		t.Fatal(err)
	}
	hooks := regexp.MustCompile(`http://([a-z]+):([0-9]+)/hooks`).FindAllStringSubmatch(string(text), -1)
	for _, hook := range hooks {
		if len(m.services[hook[1]].Spec.Ports) != 1 || fmt.Sprint(m.services[hook[1]].Spec.Ports[0].Port) != hook[2] {
			t.Errorf("Kratos calls %s, which is no Service", hook[0])
		}
	}
	// Every place with the development key is overridden, by the way in which Kratos reads its environment.
	overridden := 0
	for _, e := range m.deployments["kratos"].Spec.Template.Spec.Containers[0].Env {
		if strings.Contains(e.Name, "_HOOKS_") {
			overridden++
		}
	}
	if aliases := strings.Count(string(text), "config: *"); strings.Count(string(text), "value: development-hook-key")+aliases != overridden {
		t.Errorf("%d places of the hook key are overridden, of %d and %d aliases", overridden, strings.Count(string(text), "value: development-hook-key"), aliases)
	}
}

func TestServerHasTimeToDrain(t *testing.T) {
	t.Parallel()
	m := load(t)
	server := m.deployments["twobrains"]
	drain, err := time.ParseDuration(m.configs["twobrains"].Data["DRAIN_TIMEOUT"])
	if err != nil {
		t.Fatal(err)
	}
	pause := time.Duration(server.Spec.Template.Spec.Containers[0].Lifecycle.PreStop.Sleep.Seconds) * time.Second
	grace := time.Duration(*server.Spec.Template.Spec.TerminationGracePeriodSeconds) * time.Second
	if grace < pause+drain+10*time.Second {
		t.Errorf("%s of grace for a pause of %s and DRAIN_TIMEOUT %s", grace, pause, drain)
	}
	if u := server.Spec.Strategy.RollingUpdate; u.MaxUnavailable.IntValue() != 0 || *server.Spec.Replicas < 2 {
		t.Error("a deploy leaves users alone")
	}
	c := server.Spec.Template.Spec.Containers[0]
	if c.ReadinessProbe.HTTPGet.Path != "/readyz" || c.LivenessProbe.HTTPGet.Path != "/healthz" {
		t.Error("probes ask the wrong question")
	}
	annotations := m.ingresses["twobrains"].Annotations
	if annotations["nginx.ingress.kubernetes.io/proxy-buffering"] != "off" {
		t.Error("the ingress buffers streams")
	}
}

// Every file is applied, but the example of secrets, and every image is given a version.
func TestKustomizations(t *testing.T) {
	t.Parallel()
	m := load(t)
	images := map[string]bool{}
	for _, dir := range []string{directory, filepath.Join(directory, "migrate")} {
		text, err := os.ReadFile(filepath.Join(dir, "kustomization.yaml"))
		if err != nil {
			t.Fatal(err)
		}
		var k struct {
			APIVersion, Kind string
			Resources        []string
			Images           []struct{ Name, NewName, NewTag string }
		}
		if err := yaml.UnmarshalStrict(text, &k, yaml.DisallowUnknownFields); err != nil {
			t.Fatal(err)
		}
		found, err := filepath.Glob(filepath.Join(dir, "*.yaml"))
		if err != nil {
			t.Fatal(err)
		}
		for _, path := range found {
			file := filepath.Base(path)
			if applied := slices.Contains(k.Resources, file); applied == (file == "kustomization.yaml" || file == "secrets.example.yaml") {
				t.Errorf("%s: applied: %t", path, applied)
			}
		}
		for _, i := range k.Images {
			images[i.Name] = i.NewTag != "" && i.NewTag != "latest"
		}
	}
	for name, pod := range m.pods() {
		for _, c := range pod.Spec.Containers {
			if !images[c.Image] {
				t.Errorf("%s: %s has no version", name, c.Image)
			}
		}
	}
}
