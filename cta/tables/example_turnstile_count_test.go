package tables_test

import (
	"fmt"

	"github.com/seed-921eec07/ctalive/cta/tables"
)

// Counts of any version of KSQL can be parsed.
func ExampleParseTurnstileCount() {
	for _, key := range []string{"40380", "\x00\x00\x9d\xbc", `{"STATION_ID":40380}`} {
		count, _, err := tables.ParseTurnstileCount([]byte(key), []byte(`{"COUNT":3}`))
		fmt.Println(count.StationID, count.Count, err)
	}
	_, deleted, _ := tables.ParseTurnstileCount([]byte("40380"), nil)
	fmt.Println("deleted:", deleted)
	// Output:
	// 40380 3 <nil>
	// 40380 3 <nil>
	// 40380 3 <nil>
	// deleted: true
}
