package ctalive_test

import (
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const module = "github.com/seed-921eec07/ctalive"

// deps returns what a package links, the standard library left out.
func deps(t *testing.T, pkg string) []string {
	t.Helper()
	out, err := exec.Command("go", "list", "-deps", "-f", "{{if not .Standard}}{{.ImportPath}}{{end}}", module+pkg).Output()
	if err != nil {
		t.Fatalf("go list -deps %s: %v", pkg, err)
	}
	return strings.Fields(string(out))
}

func imports(t *testing.T, pkg string) []string {
	t.Helper()
	out, err := exec.Command("go", "list", "-f", `{{join .Imports "\n"}}`, module+pkg).Output()
	if err != nil {
		t.Fatalf("go list %s: %v", pkg, err)
	}
	return strings.Fields(string(out))
}

// A module that imports one part links neither the embedded services nor
// another part, nor package testing.
func TestPartsLinkNothingOfEachOther(t *testing.T) {
	parts := []string{"/ctaproducer", "/ctastream", "/ctaweb"}
	never := []string{module + "/cta/embedded", module + "/cta/ctatest", "github.com/twmb/franz-go/pkg/kfake", "github.com/twmb/franz-go/pkg/sr/srfake"}
	for _, part := range parts {
		linked := deps(t, part)
		for _, other := range parts {
			if other != part && slices.Contains(linked, module+other) {
				t.Errorf("%s links %s", part, other)
			}
		}
		for _, pkg := range never {
			if slices.Contains(linked, pkg) {
				t.Errorf("%s links %s", part, pkg)
			}
		}
		if slices.Contains(imports(t, part), "testing") {
			t.Errorf("%s imports testing", part)
		}
	}
	if slices.Contains(imports(t, "/cta/embedded"), "testing") {
		t.Error("/cta/embedded imports testing")
	}
}

func TestDomainLinksNothingForeign(t *testing.T) {
	for _, pkg := range []string{"/cta", "/schemas", "/cta/live", "/cta/gtfs", "/cta/alert", "/cta/rest", "/cta/tables"} {
		for _, dep := range deps(t, pkg) {
			if !strings.HasPrefix(dep, module) {
				t.Errorf("%s links %s", pkg, dep)
			}
		}
	}
}

// A page can be fed from anything: only the program that reads Kafka links its client.
func TestPageLinksNoKafkaClient(t *testing.T) {
	for _, dep := range deps(t, "/ctaweb") {
		if strings.HasPrefix(dep, module+"/cta/kafka") && dep != module+"/cta/kafka/record" || strings.HasPrefix(dep, "github.com/IBM/") {
			t.Errorf("/ctaweb links %s", dep)
		}
	}
}

// A sensor or a simulation needs Kafka, and no database.
func TestEmittingLinksNoDatabase(t *testing.T) {
	for _, pkg := range []string{"/ctaproducer", "/ctaproducer/alerts", "/ctaproducer/realtime", "/ctaproducer/traintracker", "/cta/services"} {
		for _, dep := range deps(t, pkg) {
			if strings.HasPrefix(dep, "github.com/jackc/") {
				t.Errorf("%s links %s", pkg, dep)
			}
		}
	}
}

// The client of the HTTP services is for every part that speaks to one.
func TestHTTPClientLinksTheDomainAlone(t *testing.T) {
	for _, dep := range deps(t, "/internal/restclient") {
		if !slices.Contains([]string{module + "/internal/restclient", module + "/cta/rest", module + "/internal/retry", module + "/cta", module + "/internal/sheet", module + "/internal/topicname"}, dep) && !strings.HasPrefix(dep, "golang.org/x/text") {
			t.Errorf("/internal/restclient links %s", dep)
		}
	}
}

// Each library has few packages of ours that import it, mostly one, or what is below
// those, so that its habits are known in one place.
func TestSeams(t *testing.T) {
	const gtfs = "github.com/MobilityData/gtfs-realtime-bindings/golang/gtfs"
	seams := map[string][]string{
		"github.com/IBM/sarama":        {"/cta/kafka"},
		"github.com/riferrei/srclient": {"/cta/wire"},
		"github.com/hamba/avro/v2":     {"/cta/wire"},
		"github.com/jackc/pgx/v5":      {"/ctaproducer/stations"},
		gtfs:                           {"/cta/gtfs/realtime", "/ctaproducer/realtime", "/internal/gtfsrt"}, // written, and read
	}
	out, err := exec.Command("go", "list", "-f", `{{$p := .ImportPath}}{{range .Imports}}{{$p}} {{.}}{{"\n"}}{{end}}`, module+"/...").Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	for line := range strings.Lines(string(out)) {
		pkg, dep, _ := strings.Cut(strings.TrimSpace(line), " ")
		within := func(seam string) bool { return pkg == module+seam || strings.HasPrefix(pkg, module+seam+"/") }
		if seam, ok := seams[dep]; ok && !slices.ContainsFunc(seam, within) {
			t.Errorf("%s imports %s, which only %s does", pkg, dep, strings.Join(seam, " or "))
		}
	}
}

// THIRD_PARTY.md lists exactly the modules that the library and the examples link.
func TestThirdPartyModulesAreListed(t *testing.T) {
	cmd := exec.Command("go", "list", "-deps", "-f", "{{with .Module}}{{if not .Main}}{{.Path}}{{end}}{{end}}", "./...")
	cmd.Env = append(os.Environ(), "GOOS=linux", "GOARCH=amd64")
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	linked := strings.Fields(string(out))
	slices.Sort(linked)
	linked = slices.Compact(linked)
	text, err := os.ReadFile("THIRD_PARTY.md")
	if err != nil {
		t.Fatal(err)
	}
	var listed []string
	for _, row := range regexp.MustCompile("(?m)^\\| `(.+)` \\| (.+) \\|$").FindAllStringSubmatch(string(text), -1) {
		listed = append(listed, row[1])
	}
	if diff := cmp.Diff(linked, listed); diff != "" {
		t.Errorf("THIRD_PARTY.md (-linked +listed):\n%s", diff)
	}
}
