package examples_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/seed-921eec07/ctalive/cta/ctatest"
	"github.com/seed-921eec07/ctalive/testdata/fakeksql"
)

func TestTurnstilesHasKsqlDBCount(t *testing.T) {
	sys := ctatest.Start(t)
	for _, version := range []string{"5.2.2", "7.4.0"} {
		t.Run(version, func(t *testing.T) {
			server := fakeksql.New(version, nil)
			defer server.Close()
			args := []string{"-engine", "ksqldb", "-ksql", server.URL, "-wait", "20s", "-registry", sys.RegistryURL, "-layout", "shared"}
			counting := "ksqlDB " + version + ": stream TURNSTILE over org.chicago.cta.station.turnstiles, table TURNSTILE_SUMMARY over TURNSTILE_SUMMARY, queries [" + fakeksql.Query + "]\n"
			nothing := "ksqlDB " + version + ": stream TURNSTILE over nothing, table TURNSTILE_SUMMARY over nothing, queries []\n"

			prints(t, 1, []string{"layout", `set it to "shared", for the producers too`}, "turnstiles", args[:len(args)-2]...)
			prints(t, 0, []string{counting}, "turnstiles", args...)
			prints(t, 0, []string{counting}, "turnstiles", args...)
			prints(t, 0, []string{nothing}, "turnstiles", append(args, "-drop")...)
			prints(t, 0, []string{nothing}, "turnstiles", append(args, "-drop")...)

			var kinds []string
			for _, s := range server.Statements() {
				kinds = append(kinds, s[:len("CREATE T")])
			}
			if d := cmp.Diff([]string{"CREATE S", "CREATE T", "TERMINAT", "DROP TAB", "DROP STR"}, kinds); d != "" {
				t.Errorf("statements (-want +got):\n%s", d)
			}
		})
	}
}
