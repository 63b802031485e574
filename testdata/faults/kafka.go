package main

import (
	"bytes"
	"context"
	crand "crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
)

// kafkaNode is a process of Apache Kafka: a broker, a controller, both, or a ZooKeeper.
type kafkaNode struct {
	id         int
	name       string
	classpath  string
	main       string // class
	properties string // file
}

// kafkaCluster is how many nodes there are, and of what kind.
type kafkaCluster struct {
	version   string // empty: that of testdata/stack
	brokers   int
	dedicated bool // three controllers of their own
	// A broker that was killed is not let in again before its old session has ended.
	// With one alone that is 2 s rather than 9, else its absence is most of what is
	// measured.
	sessionMS int
	dir       string
	// Where brokers listen. Clients come by proxies; the brokers themselves, and the
	// harness's own readers, come directly.
	direct, behind, proxied []string
}

// nodes formats the cluster's folders.
func (k kafkaCluster) nodes(ctx context.Context) (brokers, others []*kafkaNode, err error) {
	classpath, err := k.classpath(ctx)
	if err != nil {
		return nil, nil, err
	}
	zookeeper := strings.HasPrefix(k.version, "2.")
	controllers := k.brokers
	switch {
	case zookeeper:
		controllers = 1
	case k.dedicated:
		controllers = 3
	}
	var at, voters []string // of the controllers
	for n := range controllers {
		addr, err := freeAddr()
		if err != nil {
			return nil, nil, err
		}
		at = append(at, addr)
		voters = append(voters, fmt.Sprintf("%d@%s", k.controllerID(n), addr))
	}
	common := fmt.Sprintf("controller.quorum.voters=%s\ncontroller.listener.names=CONTROLLER\n", strings.Join(voters, ","))
	if zookeeper {
		_, port, _ := net.SplitHostPort(at[0]) // freeAddr has made it
		common = fmt.Sprintf("zookeeper.connect=%s\n", at[0])
		node, err := k.node(0, "zookeeper", classpath, fmt.Sprintf("dataDir=%s\nclientPort=%s\nclientPortAddress=127.0.0.1\nadmin.enableServer=false\n", filepath.Join(k.dir, "zookeeper"), port))
		if err != nil {
			return nil, nil, err
		}
		node.main = "org.apache.zookeeper.server.quorum.QuorumPeerMain"
		others = append(others, node)
	}
	for n := range k.brokers {
		text := common + fmt.Sprintf(brokerProperties, n+1, k.direct[n], k.behind[n], k.proxied[n], filepath.Join(k.dir, fmt.Sprintf("kafka-%d", n+1)),
			k.sessionMS, k.brokers, k.brokers/2+1, groupsTopic)
		listeners := "listeners=DIRECT://" + k.direct[n] + ",PROXIED://" + k.behind[n]
		switch {
		case zookeeper:
			// A broker that is back before its session has ended there doesn't start.
			text += fmt.Sprintf("broker.id=%d\n%s\nzookeeper.session.timeout.ms=%d\n", n+1, listeners, k.sessionMS/2)
		case k.dedicated:
			text += "process.roles=broker\n" + listeners + "\n"
		default:
			text += "process.roles=broker,controller\n" + listeners + ",CONTROLLER://" + at[n] + "\n"
		}
		node, err := k.node(n+1, fmt.Sprintf("broker-%d", n+1), classpath, text)
		if err != nil {
			return nil, nil, err
		}
		brokers = append(brokers, node)
	}
	if k.dedicated && !zookeeper {
		for n, addr := range at {
			text := common + fmt.Sprintf("process.roles=controller\nnode.id=%d\nlisteners=CONTROLLER://%s\nlistener.security.protocol.map=CONTROLLER:PLAINTEXT\nlog.dirs=%s\nbroker.session.timeout.ms=%d\ndefault.replication.factor=%d\nmin.insync.replicas=%d\n",
				k.controllerID(n), addr, filepath.Join(k.dir, fmt.Sprintf("controller-%d", n+1)), k.sessionMS, k.brokers, k.brokers/2+1)
			node, err := k.node(k.controllerID(n), fmt.Sprintf("controller-%d", n+1), classpath, text)
			if err != nil {
				return nil, nil, err
			}
			others = append(others, node)
		}
	}
	if zookeeper {
		return brokers, others, nil
	}
	return brokers, others, formatAll(ctx, append(append([]*kafkaNode(nil), brokers...), others...))
}

func (k kafkaCluster) controllerID(n int) int {
	if k.dedicated {
		return 101 + n
	}
	return n + 1
}

const brokerProperties = `node.id=%[1]d
advertised.listeners=DIRECT://%[2]s,PROXIED://%[4]s
listener.security.protocol.map=DIRECT:PLAINTEXT,PROXIED:PLAINTEXT,CONTROLLER:PLAINTEXT
inter.broker.listener.name=DIRECT
log.dirs=%[5]s
broker.session.timeout.ms=%[6]d
broker.heartbeat.interval.ms=500
initial.broker.registration.timeout.ms=600000
auto.create.topics.enable=false
default.replication.factor=%[7]d
min.insync.replicas=%[8]d
offsets.topic.replication.factor=%[7]d
offsets.topic.num.partitions=%[9]d
transaction.state.log.replication.factor=%[7]d
transaction.state.log.min.isr=%[8]d
transaction.state.log.num.partitions=%[9]d
group.initial.rebalance.delay.ms=0
log.cleaner.dedupe.buffer.size=4194304
`

func (k kafkaCluster) node(id int, name, classpath, properties string) (*kafkaNode, error) {
	n := &kafkaNode{id: id, name: name, classpath: classpath, main: "kafka.Kafka", properties: filepath.Join(k.dir, name+".properties")}
	return n, os.WriteFile(n.properties, []byte(properties), 0o644)
}

// classpath downloads what is missing.
func (k kafkaCluster) classpath(ctx context.Context) (string, error) {
	stack := filepath.Join("testdata", "stack", "stack")
	command := []string{"env"}
	if k.version != "" {
		command = []string{"kafka", k.version}
	} else if _, err := output(ctx, stack, "fetch"); err != nil {
		return "", err
	}
	out, err := output(ctx, stack, command...)
	if err != nil {
		return "", err
	}
	for line := range strings.Lines(out) {
		if v, ok := strings.CutPrefix(strings.TrimSpace(line), "export CTALIVE_JAVA_CLASSPATH='"); ok {
			return strings.TrimSuffix(v, "'"), nil
		}
	}
	return "", fmt.Errorf("%s names no CTALIVE_JAVA_CLASSPATH", stack)
}

func output(ctx context.Context, program string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("%s %s: %w", program, strings.Join(args, " "), err)
	}
	return string(out), nil
}

// formatAll makes the nodes' folders, as of one cluster.
func formatAll(ctx context.Context, nodes []*kafkaNode) error {
	id := make([]byte, 16)
	_, _ = crand.Read(id) // doesn't fail
	faults := make(chan error)
	for _, n := range nodes {
		go func() {
			var said bytes.Buffer
			format := exec.CommandContext(ctx, "java", "-XX:TieredStopAtLevel=1", "-cp", n.classpath, "kafka.tools.StorageTool",
				"format", "--cluster-id="+base64.RawURLEncoding.EncodeToString(id), "-c", n.properties)
			format.Stdout, format.Stderr = &said, &said
			if err := format.Run(); err != nil {
				faults <- fmt.Errorf("format the folder of %s: %w: %s", n.name, err, said.Bytes())
				return
			}
			faults <- nil
		}()
	}
	var err error
	for range nodes {
		err = errors.Join(err, <-faults)
	}
	return err
}

func (n *kafkaNode) command() *exec.Cmd {
	logs, _ := filepath.Abs(filepath.Join("testdata", "stack", "log4j2.properties"))
	return exec.Command("java", "-Xms128m", "-Xmx384m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1",
		"-Djava.awt.headless=true", "-Dlog4j2.configurationFile="+logs, "-cp", n.classpath, n.main, n.properties)
}

// freeAddr returns an address of this machine where nothing listens, another one at
// each call, below the ports that systems hand out by themselves: it is to be free again
// after a kill.
func freeAddr() (string, error) {
	for range 100 {
		addr := fmt.Sprintf("127.0.0.1:%d", 20000+rand.IntN(10000))
		if _, taken := given.LoadOrStore(addr, true); taken {
			continue
		}
		if ln, err := net.Listen("tcp", addr); err == nil {
			return addr, ln.Close()
		}
	}
	return "", errors.New("no free port from 20000 to 29999")
}

var given sync.Map // addresses
