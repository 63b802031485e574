package ctalive_test

import (
	"flag"
	"go/ast"
	"go/doc"
	"go/parser"
	"go/printer"
	"go/token"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write testdata/api.txt anew")

// The exported API is that of testdata/api.txt, so that no change of it goes unseen.
func TestAPI(t *testing.T) {
	out, err := exec.Command("go", "list", "-f", "{{if ne .Name `main`}}{{.ImportPath}} {{.Dir}}{{range .GoFiles}} {{.}}{{end}}{{end}}", "./...").Output()
	if err != nil {
		t.Fatal(err)
	}
	var api strings.Builder
	for line := range strings.Lines(string(out)) {
		fields := strings.Fields(line)
		if len(fields) < 2 || strings.Contains(fields[0], "internal/") || strings.Contains(fields[0], "/testdata/") {
			continue
		}
		describe(t, &api, fields[0], fields[1], fields[2:])
	}
	const file = "testdata/api.txt"
	if *update {
		if err := os.WriteFile(file, []byte(api.String()), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(strings.Split(string(want), "\n"), strings.Split(api.String(), "\n")); diff != "" {
		t.Errorf("The exported API has changed. If that is meant, run: go test -run TestAPI -update . and say so in CHANGELOG.md\n%s", diff)
	}
}

// describe writes the exported declarations of a package, without comments and bodies.
func describe(t *testing.T, w *strings.Builder, path, dir string, names []string) {
	fset := token.NewFileSet()
	var files []*ast.File
	for _, name := range names {
		f, err := parser.ParseFile(fset, filepath.Join(dir, name), nil, 0) // without comments
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, f)
	}
	p, err := doc.NewFromFiles(fset, files, path)
	if err != nil {
		t.Fatal(err)
	}
	w.WriteString("# " + strings.TrimPrefix(strings.TrimPrefix(path, module), "/") + "\n")
	show := func(n ast.Node) {
		if err := (&printer.Config{Mode: printer.RawFormat, Tabwidth: 4}).Fprint(w, token.NewFileSet(), n); err != nil {
			t.Fatal(err)
		}
		w.WriteString("\n")
	}
	values := func(all []*doc.Value) {
		for _, v := range all {
			for _, s := range v.Decl.Specs {
				if v.Decl.Tok == token.VAR {
					s.(*ast.ValueSpec).Values = nil // it may have code, which is not API
				}
				show(s)
			}
		}
	}
	functions := func(all []*doc.Func) {
		for _, f := range all {
			f.Decl.Body = nil
			show(f.Decl)
		}
	}
	values(slices.Concat(p.Consts, p.Vars))
	functions(p.Funcs)
	for _, typ := range p.Types {
		show(typ.Decl)
		values(slices.Concat(typ.Consts, typ.Vars))
		functions(slices.Concat(typ.Funcs, typ.Methods))
	}
	w.WriteString("\n")
}
