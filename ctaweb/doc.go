// Package ctaweb shows a network live: a page, a stream, a JSON API.
package ctaweb
