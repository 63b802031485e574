package ctaweb

import (
	"fmt"
	"math"
	"strconv"
)

// minContrast is what WCAG 2.2 asks of text (1.4.3, level AA).
const minContrast = 4.5

// legible returns text if it can be read on a background, else black or white,
// of which one always can. Colours are "#rrggbb".
func legible(background, text string) string {
	if contrast(background, text) >= minContrast {
		return text
	}
	if contrast(background, "#000000") >= contrast(background, "#ffffff") {
		return "#000000"
	}
	return "#ffffff"
}

// contrast is the ratio of WCAG 2.2 between two colours, from 1 to 21; 0 when one
// isn't a colour.
func contrast(a, b string) float64 {
	x, ok1 := luminance(a)
	y, ok2 := luminance(b)
	if !ok1 || !ok2 {
		return 0
	}
	return (max(x, y) + 0.05) / (min(x, y) + 0.05)
}

// luminance is WCAG's relative luminance of a colour.
func luminance(color string) (float64, bool) {
	if len(color) != 7 || color[0] != '#' {
		return 0, false
	}
	n, err := strconv.ParseUint(color[1:], 16, 32)
	if err != nil {
		return 0, false
	}
	part := func(c uint64) float64 {
		v := float64(c&0xff) / 255
		if v <= 0.04045 {
			return v / 12.92
		}
		return math.Pow((v+0.055)/1.055, 2.4)
	}
	return 0.2126*part(n>>16) + 0.7152*part(n>>8) + 0.0722*part(n), true
}

// distinct returns the shade of a colour nearest to it that has the contrast of 3
// with a surface that WCAG 2.2 asks of graphics (1.4.11).
func distinct(color, surface string) string {
	toward := uint64(0)
	if l, _ := luminance(surface); l < 0.2 {
		toward = 0xff
	}
	n, err := strconv.ParseUint(color[1:], 16, 32)
	if err != nil {
		return color
	}
	for step := uint64(0); step <= 20; step++ {
		mix := func(shift uint) uint64 {
			c := n >> shift & 0xff
			return (c*(20-step) + toward*step) / 20
		}
		shade := fmt.Sprintf("#%02x%02x%02x", mix(16), mix(8), mix(0))
		if contrast(shade, surface) >= 3 {
			return shade
		}
	}
	return color
}
