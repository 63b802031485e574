// Package compose checks examples/stack/compose.yaml with the Compose
// specification's own loader: its JSON schema, the interpolation of variables,
// and that what a service names exists. No container is started.
package compose

import (
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/compose-spec/compose-go/v2/cli"
	"github.com/compose-spec/compose-go/v2/types"
)

func load(t *testing.T) *types.Project {
	t.Helper()
	file := filepath.Join("..", "..", "examples", "stack", "compose.yaml")
	options, err := cli.NewProjectOptions([]string{file}, cli.WithName("ctalive"))
	if err != nil {
		t.Fatal(err)
	}
	project, err := options.LoadProject(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return project
}

// The course's services are there, at the course's ports, on this machine only.
func TestCoursePorts(t *testing.T) {
	project := load(t)
	for service, port := range map[string]string{
		"kafka": "9092", "schema-registry": "8081", "rest-proxy": "8082", "connect": "8083",
		"ksqldb": "8088", "postgres": "5432", "dashboard": "8888",
	} {
		s, err := project.GetService(service)
		if err != nil {
			t.Error(err)
			continue
		}
		i := slices.IndexFunc(s.Ports, func(p types.ServicePortConfig) bool { return p.Published == port })
		if i < 0 {
			t.Errorf("%s doesn't publish port %s", service, port)
		}
		for _, p := range s.Ports {
			if p.HostIP != "127.0.0.1" {
				t.Errorf("%s publishes %s at %q, want 127.0.0.1", service, p.Published, p.HostIP)
			}
		}
	}
	env := project.Services["postgres"].Environment
	for name, want := range map[string]string{"POSTGRES_DB": "cta", "POSTGRES_USER": "cta_admin", "POSTGRES_PASSWORD": "chicago"} {
		if got := env[name]; got == nil || *got != want {
			t.Errorf("postgres: %s is %v, want %s", name, got, want)
		}
	}
}

var pinned = regexp.MustCompile(`:\d+\.\d+(\.\d+)?(-\w+)?$`)

// Each image is pinned, each service bounded, healthy ones are waited for, and
// all of it fits 4 GB.
func TestServicesAreBounded(t *testing.T) {
	project := load(t)
	var total int64
	for name, s := range project.Services {
		if s.Build == nil && !pinned.MatchString(s.Image) {
			t.Errorf("%s: image %q has no version", name, s.Image)
		}
		limit := int64(s.MemLimit)
		if limit == 0 {
			t.Errorf("%s has no memory limit", name)
		}
		total += limit
		oneShot := s.Restart == "on-failure"
		if s.HealthCheck == nil && !oneShot {
			t.Errorf("%s has no health check", name)
		}
		if s.HealthCheck != nil && s.Build != nil {
			// The program asks itself, at the address that it listens at.
			if want := []string{"CMD", "/program", "-ready"}; !slices.Equal(s.HealthCheck.Test, want) || s.Environment["CTALIVE_LISTEN"] == nil {
				t.Errorf("%s is asked for health by %q, want %q and CTALIVE_LISTEN", name, s.HealthCheck.Test, want)
			}
		}
		for dependency, d := range s.DependsOn {
			if d.Condition == types.ServiceConditionHealthy && project.Services[dependency].HealthCheck == nil {
				t.Errorf("%s waits for %s to be healthy, which has no health check", name, dependency)
			}
		}
		if slices.ContainsFunc(s.SecurityOpt, func(o string) bool { return strings.HasPrefix(o, "no-new-privileges") }) {
			continue
		}
		if s.Build != nil {
			t.Errorf("%s may gain privileges", name)
		}
	}
	if total > 4<<30 {
		t.Errorf("all memory limits together are %d MB, want 4096 at most", total>>20)
	}
	t.Logf("%d services, %d MB together", len(project.Services), total>>20)
}
