package stations

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/seed-921eec07/ctalive/internal/restclient"
)

// ConnectorStatus is the state of a connector, as its worker reports it some moments
// late.
type ConnectorStatus struct {
	State string // RUNNING, FAILED, PAUSED, STOPPED, UNASSIGNED or RESTARTING
	Trace string // why it failed: the causes of a Java stack trace
	// Tasks do the work. A connector that is RUNNING may have failed tasks, or none.
	Tasks []TaskStatus
}

// TaskStatus is the state of one task.
type TaskStatus struct {
	ID     int
	State  string
	Worker string // that runs it
	Trace  string // why it failed
}

// Running reports whether the connector runs with at least one task and no task in
// another state. Only records in the topic prove that the connector delivers.
func (s ConnectorStatus) Running() bool {
	return s.State == "RUNNING" && len(s.Tasks) > 0 &&
		!slices.ContainsFunc(s.Tasks, func(t TaskStatus) bool { return t.State != "RUNNING" })
}

// String is the state in one line, as "RUNNING, task 0 FAILED: …".
func (s ConnectorStatus) String() string {
	parts := []string{stateText(s.State, s.Trace)}
	for _, t := range s.Tasks {
		parts = append(parts, fmt.Sprintf("task %d %s", t.ID, stateText(t.State, t.Trace)))
	}
	if len(s.Tasks) == 0 {
		parts = append(parts, "no task")
	}
	return strings.Join(parts, ", ")
}

func stateText(state, trace string) string {
	if trace == "" {
		return state
	}
	return state + ": " + trace
}

func (s ConnectorStatus) failed() bool {
	return s.State == stateFailed || slices.ContainsFunc(s.Tasks, func(t TaskStatus) bool { return t.State == stateFailed })
}

const stateFailed = "FAILED"

// Status returns the connector's state. Without a connector of that name, the error is
// [ErrNoConnector] in a [*cta.ServiceError].
func (c *Connector) Status(ctx context.Context) (ConnectorStatus, error) {
	var answer struct {
		Type      string `json:"type"` // source, sink or unknown
		Connector struct {
			State string `json:"state"`
			Trace string `json:"trace"`
		} `json:"connector"`
		Tasks []struct {
			ID     int    `json:"id"`
			State  string `json:"state"`
			Worker string `json:"worker_id"`
			Trace  string `json:"trace"`
		} `json:"tasks"`
	}
	_, err := c.worker.Call(ctx, http.MethodGet, c.path()+"/status", nil, &answer)
	if err != nil && c.unknown(err) {
		return ConnectorStatus{}, c.none()
	}
	if err != nil {
		return ConnectorStatus{}, c.fail(ctx, err)
	}
	s := ConnectorStatus{State: answer.Connector.State, Trace: c.trimTrace(answer.Connector.Trace)}
	for _, t := range answer.Tasks {
		s.Tasks = append(s.Tasks, TaskStatus{ID: t.ID, State: t.State, Worker: t.Worker, Trace: c.trimTrace(t.Trace)})
	}
	// For a moment, a deleted connector keeps its state, with RUNNING tasks, but no
	// longer its type.
	if answer.Type == "unknown" && !s.failed() {
		return ConnectorStatus{}, c.none()
	}
	return s, nil
}

// none is the error that the worker has no connector of that name.
func (c *Connector) none() error {
	return c.worker.FailWith(fmt.Errorf("connector %s: %w", c.cfg.Name, ErrNoConnector), "create it with Connector.Create")
}

// noneYet returns the error for a worker that did not report the connector within Wait:
// a JDBC source tries to reach its database first.
func (c *Connector) noneYet() error {
	return c.worker.FailWith(fmt.Errorf("connector %s: %w within %v", c.cfg.Name, ErrNoConnector, c.cfg.Wait),
		"create it with Connector.Create; if that is done, check that the worker reaches the database at "+c.db.Host+", and see its log")
}

// trimTrace keeps the first line of a Java stack trace and the last cause, without
// secrets.
func (c *Connector) trimTrace(trace string) string {
	var first, last string
	for line := range strings.Lines(trace) {
		line = strings.TrimSpace(line)
		if cause, ok := strings.CutPrefix(line, "Caused by: "); ok {
			last = cause
		} else if first == "" {
			first = line
		}
	}
	if last != "" && !strings.HasSuffix(first, last) {
		first += "; caused by " + last
	}
	return restclient.OneLine(c.worker.Scrub(first))
}

const (
	statusInterval = 500 * time.Millisecond
	// failedLooks is how often in a row a failure must be seen: status travels
	// through a topic, and the one of an earlier configuration is seen for a while.
	failedLooks = 6
)

func (c *Connector) notRunning(s ConnectorStatus) error {
	err := fmt.Errorf("connector %s is %v", c.cfg.Name, s)
	hint := c.hint(err)
	switch {
	case s.failed() && hint == "":
		hint = "see the worker's log, mend the cause and create the connector again"
	case s.State == "RUNNING" && len(s.Tasks) == 0:
		hint = "check that the database has table public." + stationsTable + " and that its user may read it; stations.CreateTable loads it"
	case s.State == "PAUSED", s.State == "STOPPED":
		hint = "resume it by PUT " + c.path() + "/resume"
	case hint == "":
		hint = "see the worker's log; its workers may be rebalancing"
	}
	return c.worker.FailWith(err, hint)
}
