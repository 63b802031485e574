package examples_test

import (
	"encoding/json"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/seed-921eec07/ctalive/cta"
	"github.com/seed-921eec07/ctalive/cta/kafka"
)

// board is what Grafana needs of its dashboard file.
type board struct {
	Title         string `json:"title"`
	UID           string `json:"uid"`
	SchemaVersion int    `json:"schemaVersion"`
	Templating    struct {
		List []struct{ Name, Type, Query string } `json:"list"`
	} `json:"templating"`
	Panels []struct {
		ID      int                      `json:"id"`
		Type    string                   `json:"type"`
		Title   string                   `json:"title"`
		GridPos struct{ H, W, X, Y int } `json:"gridPos"`
		Field   struct {
			Defaults struct {
				Unit string `json:"unit"`
			} `json:"defaults"`
		} `json:"fieldConfig"`
		Targets []struct {
			RefID      string                     `json:"refId"`
			Expr       string                     `json:"expr"`
			Legend     string                     `json:"legendFormat"`
			Datasource struct{ Type, UID string } `json:"datasource"`
		} `json:"targets"`
	} `json:"panels"`
}

func readBoard(t *testing.T) (b board) {
	t.Helper()
	text, err := os.ReadFile("stack/grafana.json")
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, &b); err != nil {
		t.Fatal(err)
	}
	return b
}

func TestGrafanaBoardIsWhole(t *testing.T) {
	b := readBoard(t)
	if b.Title == "" || b.UID == "" || b.SchemaVersion == 0 || len(b.Panels) == 0 {
		t.Fatalf("title %q, uid %q, schemaVersion %d, %d panels: want all of them", b.Title, b.UID, b.SchemaVersion, len(b.Panels))
	}
	if v := b.Templating.List; len(v) != 1 || v[0].Name != "datasource" || v[0].Type != "datasource" || v[0].Query != "prometheus" {
		t.Errorf("variables are %+v, want the source of data", v)
	}
	ids, taken := make(map[int]string), make(map[[2]int]string)
	for _, p := range b.Panels {
		if was, ok := ids[p.ID]; ok {
			t.Errorf("panels %q and %q have the id %d", was, p.Title, p.ID)
		}
		ids[p.ID] = p.Title
		if g := p.GridPos; g.H < 1 || g.W < 1 || g.X < 0 || g.Y < 0 || g.X+g.W > 24 {
			t.Errorf("panel %q is at %+v, want it within 24 columns", p.Title, g)
		}
		for x := p.GridPos.X; x < p.GridPos.X+p.GridPos.W; x++ {
			for y := p.GridPos.Y; y < p.GridPos.Y+p.GridPos.H; y++ {
				if was, ok := taken[[2]int{x, y}]; ok {
					t.Fatalf("panels %q and %q overlap", was, p.Title)
				}
				taken[[2]int{x, y}] = p.Title
			}
		}
		if p.Type == "row" {
			continue
		}
		if p.Type != "timeseries" || p.Title == "" || len(p.Targets) == 0 {
			t.Errorf("panel %d is a %q called %q with %d targets, want a timeseries", p.ID, p.Type, p.Title, len(p.Targets))
		}
		if !slices.Contains([]string{"short", "s", "cps", "ops", "reqps", "Bps"}, p.Field.Defaults.Unit) {
			t.Errorf("panel %q has the unit %q, which Grafana may not know", p.Title, p.Field.Defaults.Unit)
		}
		for i, target := range p.Targets {
			if want := string(rune('A' + i)); target.RefID != want || target.Datasource.Type != "prometheus" || target.Datasource.UID != "${datasource}" {
				t.Errorf("panel %q: target is %+v, want it to be %s of the variable's source", p.Title, target, want)
			}
		}
	}
}

var (
	metricName = regexp.MustCompile(`ctalive_[a-z_]+`)
	byLabels   = regexp.MustCompile(`by \(([a-z_, ]+)\)`)
	legendName = regexp.MustCompile(`\{\{([a-z_]+)\}\}`)
	series     = regexp.MustCompile(`(?m)^(ctalive_[a-z_]+)(?:\{(.*)\})? `)
	labelName  = regexp.MustCompile(`([a-z_]+)="`)
)

// Every metric of the board, with the labels that the board wants of it, is there
// in a system that lives and has met a record which nobody can read.
func TestGrafanaBoardShowsWhatThereIs(t *testing.T) {
	p := start(t, "dashboard", append(free, "-listen", "127.0.0.1:0")...)
	broker := p.await(`Kafka (\S+), `)
	url := p.await(`dashboard at (\S+)`)
	awaitStatus(t, url, "eight lines with trains, weather and entries", alive)
	poison(t, broker, cta.Topics{}.Arrivals(cta.Chicago().Station(40380)))

	b := readBoard(t)
	var missing []string
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(100 * time.Millisecond) {
		missing = b.missing(exported(t, url+"/metrics"))
		if len(missing) == 0 {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("the board shows what is not exported:\n%s", strings.Join(missing, "\n"))
		}
	}
	manual, err := os.ReadFile("../OPERATIONS.md")
	if err != nil {
		t.Fatal(err)
	}
	for name := range exported(t, url+"/metrics") {
		for _, part := range []string{"_bucket", "_sum", "_count"} { // of a histogram
			name = strings.TrimSuffix(name, part)
		}
		if !strings.Contains(string(manual), "`"+name+"`") {
			t.Errorf("OPERATIONS.md doesn't explain %s", name)
		}
	}
	p.interrupt()
}

// missing returns what the board wants that is not among the series and their labels.
func (b board) missing(have map[string][]string) (missing []string) {
	for _, p := range b.Panels {
		for _, target := range p.Targets {
			names := metricName.FindAllString(target.Expr, -1)
			if len(names) == 0 {
				missing = append(missing, p.Title+": no metric in "+target.Expr)
			}
			wanted := legendName.FindAllStringSubmatch(target.Legend, -1)
			for _, by := range byLabels.FindAllStringSubmatch(target.Expr, -1) {
				for label := range strings.SplitSeq(by[1], ",") {
					wanted = append(wanted, []string{"", strings.TrimSpace(label)})
				}
			}
			for _, name := range names {
				labels, ok := have[name]
				if !ok {
					missing = append(missing, p.Title+": "+name)
					continue
				}
				for _, w := range wanted {
					if w[1] != "instance" && !slices.Contains(labels, w[1]) { // Prometheus adds that one
						missing = append(missing, p.Title+": label "+w[1]+" of "+name)
					}
				}
			}
		}
	}
	return missing
}

// exported returns the names of the metrics that a program exports, with their labels.
func exported(t *testing.T, url string) map[string][]string {
	t.Helper()
	_, text := get(t, url)
	have := make(map[string][]string)
	for _, m := range series.FindAllStringSubmatch(text, -1) {
		labels := have[m[1]]
		for _, l := range labelName.FindAllStringSubmatch(m[2], -1) {
			labels = append(labels, l[1])
		}
		have[m[1]] = append([]string{}, labels...)
	}
	return have
}

// poison writes a record to a topic that is no Avro.
func poison(t *testing.T, broker, topic string) {
	t.Helper()
	client, err := kafka.Connect(t.Context(), kafka.Config{Brokers: []string{broker}})
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	out, err := client.NewProducer(kafka.ProducerConfig{})
	if err != nil {
		t.Fatal(err)
	}
	if err := out.Send(t.Context(), kafka.Record{Topic: topic, Key: []byte("k"), Value: []byte("no Avro")}, nil); err != nil {
		t.Error(err)
	}
	if err := out.Close(); err != nil {
		t.Fatal(err)
	}
}
