package cta_test

import (
	"fmt"
	"time"

	"github.com/seed-921eec07/ctalive/cta"
)

// Outside the rush hours, purple trains turn back at Howard.
func ExamplePattern_HeadwayAt() {
	net := cta.Chicago()
	for _, hour := range []int{7, 11, 2} {
		at := time.Date(2026, time.October, 7, hour, 30, 0, 0, net.Location)
		for _, pattern := range net.Line("purple").Patterns {
			if every := pattern.HeadwayAt(at); every > 0 {
				fmt.Println(at.Format("15:04"), "from", pattern.Calls[0].Station.Name, "towards", pattern.Towards(0), "every", every)
			}
		}
	}
	// Output:
	// 07:30 from Linden towards Loop every 7m0s
	// 11:30 from Linden towards Howard every 12m0s
	// 11:30 from Howard towards Linden every 12m0s
}
