package ctalive_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
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

// THIRD_PARTY.md lists exactly the modules that the library and the examples link, and the
// licence that each module's own file has.
func TestThirdPartyModulesAreListed(t *testing.T) {
	cmd := exec.Command("go", "list", "-deps", "-f", "{{with .Module}}{{if not .Main}}{{.Path}} {{.Dir}}{{end}}{{end}}", "./...")
	cmd.Env = append(os.Environ(), "GOOS=linux", "GOARCH=amd64")
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	linked := slices.DeleteFunc(strings.Split(string(out), "\n"), func(line string) bool { return line == "" })
	slices.Sort(linked)
	linked = slices.Compact(linked)
	text, err := os.ReadFile("THIRD_PARTY.md")
	if err != nil {
		t.Fatal(err)
	}
	licences := map[string]string{}
	for _, row := range regexp.MustCompile("(?m)^\\| `(.+)` \\| (.+) \\|$").FindAllStringSubmatch(string(text), -1) {
		licences[row[1]] = row[2]
	}
	phrases := map[string]string{
		"Apache-2.0": "Apache License", "MPL-2.0": "Mozilla Public License", "ISC": "ISC License",
		"MIT": "Permission is hereby granted, free of charge", "BSD": "Redistribution and use in source and binary forms",
	}
	for _, line := range linked {
		path, dir, _ := strings.Cut(line, " ")
		listed, ok := licences[path]
		if !ok {
			t.Errorf("THIRD_PARTY.md lacks %s", path)
			continue
		}
		delete(licences, path)
		var own strings.Builder
		files, _ := filepath.Glob(filepath.Join(dir, "[Ll][Ii][Cc][Ee][Nn][CcSs][Ee]*"))
		for _, file := range files {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			own.Write(text)
		}
		for name, phrase := range phrases {
			if has := strings.Contains(own.String(), phrase); has != strings.Contains(listed, name) {
				t.Errorf("THIRD_PARTY.md has %q for %s; that its own file is %s: %t", listed, path, name, has)
			}
		}
	}
	for path := range licences {
		t.Errorf("THIRD_PARTY.md lists %s, which nothing links", path)
	}
}
